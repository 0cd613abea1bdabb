/** What stands in an answer in the place of a secret. */
export const CENSOR = '[redacted]';

// What names a secret, also within a longer word: PGPASSWORD, accesstoken.
const WORDS =
  'passwords?|passwd|passphrases?|secrets?|tokens?|authorization|cookies?|credentials?|session-?ids?|' +
  '(?:api|access|account|private|secret|service|master|encryption|signing|hmac)-?keys?';
/** What names one only where it stands alone: "bypass" and "compass" do not. */
const SHORT_WORDS = 'pass|pwd|jwt|bearer|otp';
const ENDS_IN_WORD = new RegExp(`(?:${WORDS}|(?:^|-)(?:${SHORT_WORDS}))$`);
const HAS_WORD = new RegExp(`${WORDS}|(?:^|-)(?:${SHORT_WORDS})(?:-|$)`);

// A name and its value within a text: a query, a DSN, a line of a log, JSON that was cut or stands in other JSON. All
// repetitions before the value have an end, or a long text could take minutes.
const NAME = `(?:${WORDS.replaceAll('-?', '[-_ ]?')}|\\b(?:${SHORT_WORDS})(?![a-z]))[\\w-]{0,40}`;
const VALUE = `\\\\{0,8}"(?:[^"\\\\]|\\\\.)*"?|'[^']*'?|[^\\s,;&"'}\\])]+`;
const PAIR = new RegExp(`(${NAME}\\\\{0,8}["']?\\s{0,4}[=:]\\s{0,4})(?:${VALUE})`, 'gi');
// Up to the last "@" of what stands together: a password may hold any character, also one that should be written in
// another way.
const URL_LOGIN = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s"'<>`\\]{0,2000}@/gi;
const SCHEME_AND_LOGIN = /\b(bearer|basic|apikey|negotiate|digest)\s+[\w.~+/=-]{8,}/gi;
const JWT = /\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)*/g;
const PEM = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|$)/g;

/** Below that a value is a word like any other, and hiding it would say more than it hides. */
const SHORTEST = 4;
/** What is read of one text, and what is left out at its new end: half of a secret is none that anybody recognises. */
const LONGEST = 256 * 1024;
const TORN = 4096;

/** Takes secrets out of what goes to a client: those that are known, and what looks like one. */
export class Redactor {
  /** Longest first: one may begin like another. */
  readonly #known: readonly string[];

  /** @param known values that must not be seen, wherever they stand */
  constructor(known: Iterable<string> = []) {
    const spellings = [...known].flatMap((value) => [value, inUrl(value), JSON.stringify(value).slice(1, -1)]);
    this.#known = [...new Set(spellings)]
      .filter(({ length }) => length >= SHORTEST)
      .sort((a, b) => b.length - a.length);
  }

  /** A text without what it says of secrets; of a very long one, its beginning. */
  text(text: string): string {
    if (text.length > LONGEST) return this.#clean(text.slice(0, LONGEST)).slice(0, -TORN);
    return this.#clean(text);
  }

  #clean(text: string): string {
    let clean = text;
    for (const value of this.#known) clean = clean.replaceAll(value, CENSOR);
    return clean
      .replace(PEM, CENSOR)
      .replace(URL_LOGIN, `$1${CENSOR}@`)
      .replace(SCHEME_AND_LOGIN, `$1 ${CENSOR}`)
      .replace(JWT, CENSOR)
      .replace(PAIR, `$1${CENSOR}`);
  }
}

/**
 * Whether the value of this name is a secret. Of a name that has the word for one somewhere and not at its end, a
 * number is not: the time to live of a token.
 */
export function isSecret(name: string, value: unknown): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .toLowerCase();
  if (ENDS_IN_WORD.test(words)) return true;
  return typeof value !== 'number' && typeof value !== 'boolean' && HAS_WORD.test(words);
}

function inUrl(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}
