/**
 * A regular expression as the `pattern` of a JSON Schema, which knows no flags and is read with the flag
 * "u". `undefined` for one that cannot be said so.
 */
export function patternOf({ source, flags }: RegExp): string | undefined {
  // ^ and $ at each line, and sets within sets, have no other form.
  if (/[mv]/.test(flags)) return undefined;
  const unescaped = compiles(source) ? source : unescape(source);
  const plain = flags.includes('u') ? withoutHalves(unescaped) : unescaped;
  const folded = flags.includes('i') ? foldCase(plain) : plain;
  const pattern = folded !== undefined && flags.includes('s') ? dotAll(folded) : folded;
  return pattern !== undefined && compiles(pattern) ? pattern : undefined;
}

/**
 * Without "no half of a character" in a class: engines of other languages know no halves, and refuse the whole pattern.
 * What is text for JSON Schema has none.
 */
function withoutHalves(source: string): string {
  return source.replace(/(\[\^(?:[^\]\\]|\\.)*?)\\ud800-\\udfff/gi, '$1').replaceAll('[^]', '[\\s\\S]');
}

function compiles(pattern: string): boolean {
  try {
    void new RegExp(pattern, 'u');
    return true;
  } catch {
    return false;
  }
}

// What stands together: an escape, the head of a group, a range of a class, a bracket; or else a single character.
const TOKEN =
  /\\(?:u\{[^}]*\}|u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|c[A-Za-z]|k<[^>]*>|[pP]\{[^}]*\}|[^])|\(\?(?:<[=!]|<[^>]*>|[:=!])|[^]/gu;

function tokens(source: string): { readonly text: string; readonly inClass: boolean }[] {
  let inClass = false;
  return (source.match(TOKEN) ?? []).map((text) => {
    const before = inClass;
    if (text === '[') inClass = true;
    else if (text === ']') inClass = false;
    return { text, inClass: before };
  });
}

/** Without the escapes that only the flag "u" refuses: `\-` outside of a class, `\@`. */
function unescape(source: string): string {
  return tokens(source)
    .map(({ text, inClass }) =>
      /^\\[^\w^$\\.*+?()[\]{}|/]$/.test(text) && !(inClass && text === '\\-') ? text.slice(1) : text,
    )
    .join('');
}

function dotAll(source: string): string {
  return tokens(source)
    .map(({ text, inClass }) => (text === '.' && !inClass ? '[\\s\\S]' : text))
    .join('');
}

// These mean what they mean in either case. Others would have to be worked out.
const CASELESS = /^\\[dDsSwWbBnrtfv0^$\\.*+?()[\]{}|/-]$/;

/** The source without the need for the flag "i": each letter stands for both. */
function foldCase(source: string): string | undefined {
  const list = tokens(source);
  const folded: string[] = [];
  for (let i = 0; i < list.length; i++) {
    const { text, inClass } = list[i] as { text: string; inClass: boolean };
    const [dash, end] = [list[i + 1], list[i + 2]];
    if (inClass && dash?.text === '-' && dash.inClass && end !== undefined && end.text !== ']') {
      const range = foldRange(text, end.text);
      if (range === undefined) return undefined;
      folded.push(range);
      i += 2;
    } else if (text.startsWith('\\')) {
      if (!CASELESS.test(text)) return undefined;
      folded.push(text);
    } else if (text.startsWith('(?')) folded.push(text);
    else {
      // Some letters have two in the other case.
      const others = [text.toLowerCase(), text.toUpperCase()].filter((each) => each.length === text.length);
      const both = [...new Set([text, ...others])];
      folded.push(both.length === 1 || inClass ? both.join('') : `[${both.join('')}]`);
    }
  }
  return folded.join('');
}

/** A range of letters of one case, in both cases; one of no letters as it is. */
function foldRange(from: string, to: string): string | undefined {
  const range = `${from}-${to}`;
  if (/^(?:[a-z]-[a-z]|[A-Z]-[A-Z])$/.test(range)) return `${range.toLowerCase()}${range.toUpperCase()}`;
  const letterless = from.length === 1 && to.length === 1 && to < 'A';
  return letterless ? range : undefined;
}
