/** A pattern that is understood alike by PCRE2 (MongoDB) and RE2 (FerretDB): one that matches this text alone. */
export function literalPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/**
 * One that matches the texts with the same lower case. The server's own "ignore case" is another one (for it "s" is
 * "ſ"), so each character is a class of those that become it.
 */
export function foldedPattern(text: string): string {
  const upper = upperCases();
  let pattern = '';
  const characters = Array.from(text.toLowerCase());
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] as string;
    if (character === 'i' && characters[index + 1] === DOT_ABOVE) {
      // The one character whose lower case is two.
      pattern += `(?:[iI]${DOT_ABOVE}|\u0130)`;
      index += 1;
    } else {
      const others = upper.get(character);
      pattern += others === undefined ? literalPattern(character) : `[${character}${others}]`;
    }
  }
  return pattern;
}

const DOT_ABOVE = '\u0307';
const FINAL_SIGMA = 'ς';
const SIGMA = 'Σ';
/** Beyond it no script has capitals. */
const LAST = 0x1_ffff;

let known: ReadonlyMap<string, string> | undefined;

/** What becomes each character in lower case. */
function upperCases(): ReadonlyMap<string, string> {
  known ??= collect();
  return known;
}

function collect(): ReadonlyMap<string, string> {
  const upper = new Map<string, string>([[FINAL_SIGMA, SIGMA]]);
  for (let point = 0; point <= LAST; point += 1) {
    const character = String.fromCodePoint(point);
    const lower = character.toLowerCase();
    if (lower !== character && Array.from(lower).length === 1) upper.set(lower, (upper.get(lower) ?? '') + character);
  }
  return upper;
}
