import { jsonKeeps, type Keeps, lossIn, surelyKeeps } from '@ent/internal';
import type { CacheSerializer } from '../../options.ts';

/** The first byte of a tagged text. No JSON text starts with it. */
export const TAGGED = 33; // "!"

/**
 * The serializer of caches that name none: JSON in UTF-8, and nothing else for plain data. Dates, bigints, bytes, maps,
 * sets, NaN and the infinities are kept too: a text that has one of them begins with `!`, and each stands in it as an
 * object with one name, such as `{"$date":"2026-01-31T09:00:00.000Z"}`. What would still be changed is refused with its
 * place, such as class instances. `undefined` is kept at the top, and an undefined property counts as absent.
 */
export const taggedJson: CacheSerializer = {
  serialize(value) {
    // No JSON text is empty, so no bytes can stand for undefined.
    if (value === undefined) return new Uint8Array(0);
    if (surelyKeeps(value, jsonKeeps)) return Buffer.from(JSON.stringify(value));
    const loss = lossIn(value, taggedKeeps);
    if (loss !== undefined) {
      throw new TypeError(
        `the cache does not keep ${loss.what} at ${loss.pointer}; convert it, or give the cache a serializer, such as v8 of @ent/serialization`,
      );
    }
    return Buffer.from(`!${JSON.stringify(tagged(value))}`);
  },
  deserialize(bytes) {
    if (bytes.length === 0) return undefined;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes[0] !== TAGGED) return JSON.parse(text.toString()) as unknown;
    return untagged(JSON.parse(text.toString(undefined, 1)));
  },
};

const taggedKeeps: Keeps = {
  ...jsonKeeps,
  nonFinite: true,
  bigint: () => true,
  object: (value) => {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Uint8Array.prototype || prototype === Buffer.prototype) return true;
    // What somebody added to a date or a map stays behind, and a subclass would come back as its base.
    if (Object.keys(value).length > 0) return false;
    if (prototype === Map.prototype || prototype === Set.prototype) return 'walk';
    return prototype === Date.prototype;
  },
};

/** The value with each part that JSON lacks as an object with its tag; a copy. */
function tagged(part: unknown): unknown {
  if (typeof part === 'bigint') return { $bigint: String(part) };
  if (typeof part === 'number' && !Number.isFinite(part)) return { $number: String(part) };
  if (typeof part !== 'object' || part === null) return part;
  if (Array.isArray(part)) return part.map(tagged);
  if (part instanceof Date) return { $date: part.toJSON() };
  if (part instanceof Map) return { $map: Array.from(part, ([key, value]) => [tagged(key), tagged(value)]) };
  if (part instanceof Set) return { $set: Array.from(part, tagged) };
  if (Buffer.isBuffer(part)) return { $buffer: part.toString('base64') };
  if (part instanceof Uint8Array) return { $bytes: Buffer.from(part).toString('base64') };
  const entries = Object.entries(part).filter(([, value]) => value !== undefined);
  // One that would read as a tag has its sign doubled.
  const sign = entries.length === 1 && entries[0]![0].startsWith('$') ? '$' : '';
  return Object.fromEntries(entries.map(([name, value]) => [sign + name, tagged(value)]));
}

/** What {@link tagged} has made the parts of, in place. */
function untagged(part: unknown): unknown {
  if (typeof part !== 'object' || part === null) return part;
  const object = part as Record<string, unknown>;
  const names = Object.keys(object);
  for (const name of names) object[name] = untagged(object[name]);
  const [name] = names;
  if (names.length !== 1 || !name!.startsWith('$')) return part;
  const content = object[name!];
  if (name!.startsWith('$$')) return { [name!.slice(1)]: content };
  return valueOf(name!, content);
}

function valueOf(tag: string, content: unknown): unknown {
  switch (tag) {
    case '$bigint':
      return BigInt(content as string);
    case '$number':
      return Number(content);
    case '$date':
      return new Date((content as string | null) ?? Number.NaN);
    case '$map':
      return new Map(content as [unknown, unknown][]);
    case '$set':
      return new Set(content as unknown[]);
    case '$buffer':
      return Buffer.from(content as string, 'base64');
    case '$bytes':
      return new Uint8Array(Buffer.from(content as string, 'base64'));
    default:
      throw new TypeError('The text has an unknown tag.'); // a later version wrote it
  }
}
