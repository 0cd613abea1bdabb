import { loggingErrors } from '../errors.ts';
import { aText } from './check.ts';

/** What stands in the line for a redacted value. */
export const CENSOR = '[redacted]';

/**
 * Names whose values are never written, at any depth and in any case: there is no reading of these in which the value
 * belongs in a log. `-` and `_` do not count: `api_key`, `apiKey` and `Api-Key` are one name.
 */
export const REDACTED_NAMES: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'clientSecret',
  'token',
  'accessToken',
  'refreshToken',
  'idToken',
  'authorization',
  'proxyAuthorization',
  'cookie',
  'setCookie',
  'apiKey',
  'xApiKey',
  'privateKey',
];

/** A place in the tree of redacted paths. */
export interface RedactNode {
  readonly keys: Map<string, RedactNode>;
  any: RedactNode | undefined;
  censored: boolean;
}

const MEMO = 2000;
const PART = /\[(?:"([^"]+)"|'([^']+)'|(\*|\d+))\]|\.?([^.[\]'"\s]+)/gy;

/** The compiled form of the `redact` option. */
export class Redactor {
  readonly #root: RedactNode = node();
  readonly #names: Set<string>;
  readonly #memo = new Map<string, boolean>();

  constructor(paths: readonly string[] = []) {
    this.#names = new Set(REDACTED_NAMES.map(fold));
    for (const path of paths) this.#add(aText('redact', path));
  }

  /** Whether a value with this key is hidden wherever it stands. */
  hides(key: string): boolean {
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const hidden = this.#names.has(fold(key));
    if (this.#memo.size >= MEMO) this.#memo.clear();
    this.#memo.set(key, hidden);
    return hidden;
  }

  /** What happens to a field of the line itself. A dotted name (`http.request.body`) is read as a path too. */
  top(name: string): { readonly hidden: boolean; readonly place: RedactNode | undefined } {
    let place = step(this.#root, name);
    if (place === undefined && name.includes('.')) {
      place = this.#root;
      for (const part of name.split('.')) place = place && step(place, part);
    }
    const hidden = place?.censored || this.hides(name) || this.hides(name.slice(name.lastIndexOf('.') + 1));
    return { hidden, place };
  }

  #add(path: string): void {
    const parts = parse(path);
    if (parts[0] === '**') {
      this.#names.add(fold(parts[1] as string));
      return;
    }
    let place = this.#root;
    for (const part of parts) {
      if (part === '*') place = place.any ??= node();
      else {
        const next = place.keys.get(part) ?? node();
        place.keys.set(part, next);
        place = next;
      }
    }
    place.censored = true;
  }
}

/** The node for `key` below `place`: what is said about the key, together with what is said about all keys. */
export function step(place: RedactNode, key: string): RedactNode | undefined {
  const exact = place.keys.get(key);
  if (exact === undefined || place.any === undefined) return exact ?? place.any;
  return merge(exact, place.any);
}

function merge(a: RedactNode, b: RedactNode): RedactNode {
  const keys = new Map(a.keys);
  for (const [key, value] of b.keys) {
    const other = keys.get(key);
    keys.set(key, other === undefined ? value : merge(other, value));
  }
  const any = a.any !== undefined && b.any !== undefined ? merge(a.any, b.any) : (a.any ?? b.any);
  return { keys, any, censored: a.censored || b.censored };
}

function node(): RedactNode {
  return { keys: new Map(), any: undefined, censored: false };
}

function fold(name: string): string {
  return name.replace(/[-_]/g, '').toLowerCase();
}

function parse(path: string): string[] {
  const parts: string[] = [];
  PART.lastIndex = 0;
  for (let match = path.startsWith('.') ? null : PART.exec(path); match !== null; match = PART.exec(path)) {
    parts.push(match[1] ?? match[2] ?? match[3] ?? (match[4] as string));
    if (PART.lastIndex === path.length) {
      const deep = parts.indexOf('**');
      if (deep === -1 || (deep === 0 && parts.length === 2 && parts[1] !== '*')) return parts;
      break;
    }
  }
  throw loggingErrors.invalid_option(
    `redact: ${JSON.stringify(path)} is not a path. Write "user.email", "users[*].email", "*.email" (one level) or "**.email" (any depth).`,
  );
}
