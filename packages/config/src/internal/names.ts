import { closestMatch } from 'leven';

/** The known name that is nearest to one that is wrong anyway, if it is near at all. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  return closestMatch(name, [...known], { maxDistance: Math.max(2, Math.floor(name.length / 4)) });
}

// Every process has these; HOSTNAME is no slip of a setting HOST_NAME.
const AMBIENT: ReadonlySet<string> = new Set(
  `HOME PATH PWD OLDPWD SHELL SHLVL USER USERNAME LOGNAME HOSTNAME HOSTTYPE LANG LANGUAGE TERM TZ TMP TEMP TMPDIR EDITOR VISUAL PAGER MAIL
  DISPLAY COLUMNS LINES COLOR NODE_OPTIONS NODE_PATH http_proxy https_proxy no_proxy all_proxy ftp_proxy`.split(/\s+/),
);

// A setting of one of these names would have the value of the system where nobody sets it.
const SYSTEM: ReadonlySet<string> = new Set(
  `HOME PATH PWD OLDPWD SHELL SHLVL USER USERNAME LOGNAME HOSTNAME LANG TERM TMP TEMP TMPDIR`.split(' '),
);

export function isSystemName(name: string): boolean {
  return SYSTEM.has(name);
}

export function isAmbient(name: string): boolean {
  return AMBIENT.has(name);
}

/**
 * Finds the known name that a name is one slip away from: a letter too many, too few or wrong, two neighbours swapped,
 * or another case. Strict, because without a prefix it makes a fault of a variable that may be somebody else's.
 *
 * One slip leaves the first or the last letter in place, and that is how the names are indexed: an environment has many
 * variables that are none of ours, and a start has better things to do than to measure them all.
 */
export class Slips {
  readonly #index = new Map<number, Known[]>();

  constructor(names: Iterable<string>) {
    for (const name of names) {
      const known = { name, capitals: name.toUpperCase() };
      this.#add(keyOf(name, 0, name.length), known);
      this.#add(keyOf(name, name.length - 1, name.length), known);
    }
  }

  #add(key: number, known: Known): void {
    const names = this.#index.get(key);
    if (names === undefined) this.#index.set(key, [known]);
    else names.push(known);
  }

  find(name: string): string | undefined {
    const last = name.length - 1;
    for (let length = last; length <= last + 2; length++) {
      const found = this.#among(name, keyOf(name, 0, length)) ?? this.#among(name, keyOf(name, last, length));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #among(name: string, key: number): string | undefined {
    const names = this.#index.get(key);
    if (names === undefined) return undefined;
    const capitals = name.toUpperCase();
    for (const known of names) if (isSlip(capitals, known.capitals)) return known.name;
    return undefined;
  }
}

interface Known {
  readonly name: string;
  readonly capitals: string;
}

// Letters of a name that only swapped neighbours and another case are slips of.
const SHORT = 6;

/** A letter, as a capital, and a length as one number. */
function keyOf(name: string, at: number, length: number): number {
  let letter = name.charCodeAt(at);
  // Most names are of nobody's concern: toUpperCase() for each of them takes longer than looking them up.
  if (letter >= 0x61 && letter <= 0x7a) letter -= 0x20;
  else if (letter > 0x7f) letter = name.charAt(at).toUpperCase().charCodeAt(0);
  return letter * 65_536 + length;
}

function isSlip(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a.charCodeAt(start) === b.charCodeAt(start)) start++;
  let end = 0;
  while (end < shorter - start && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end)) end++;
  // What is left between the common beginning and the common end.
  const left = a.length - start - end;
  const right = b.length - start - end;
  // Of a short name, too many words are one letter away: npm sets NODE, and somebody has a setting MODE.
  if (left <= 1 && right <= 1) return b.length >= SHORT || left + right === 0;
  return left === 2 && right === 2 && a[start] === b[start + 1] && a[start + 1] === b[start];
}
