import { Binary } from 'mongodb';

/** A subtype of Binary for uses of one's own: JSON text. https://bsonspec.org/spec.html */
const JSON_TEXT = 0x80;
/** Documents may be nested 100 deep, with what is around the value. */
const MAX_DEPTH = 80;

/** What a server keeps of a document. */
export interface DocumentRules {
  /** A list may hold lists; FerretDB 1.x refuses them. */
  readonly nestedLists: boolean;
  /** `$group` has all that is needed; that of FerretDB 1.x has not. */
  readonly groups: boolean;
}

/**
 * A JSON value as documents and lists, so that other programs and `db.native` can ask for what is in it. One that a
 * document would not keep, or would understand as something else (a key like "$set" or "a.b", a "_bsontype"), is text
 * inside of a Binary, which no JSON value is.
 */
export function encodeJson(value: unknown, rules: DocumentRules): unknown {
  return isNatural(value, rules, MAX_DEPTH) ? value : new Binary(Buffer.from(JSON.stringify(value)), JSON_TEXT);
}

export function decodeJson(stored: unknown): unknown {
  if (!(stored instanceof Binary)) return stored;
  if (stored.sub_type !== JSON_TEXT) throw new TypeError('not JSON');
  return JSON.parse(Buffer.from(stored.value()).toString('utf8')) as unknown;
}

function isNatural(value: unknown, rules: DocumentRules, depth: number): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  if (Array.isArray(value)) {
    return value.every(
      (member) => (rules.nestedLists || !Array.isArray(member)) && isNatural(member, rules, depth - 1),
    );
  }
  return Object.entries(value).every(([key, member]) => isPlainKey(key) && isNatural(member, rules, depth - 1));
}

/** Whether a document keeps a key as it is, and takes it for nothing else. */
function isPlainKey(key: string): boolean {
  return key !== '' && key !== '_bsontype' && key !== '__proto__' && key.isWellFormed() && !/^\$|[.\0]/.test(key);
}
