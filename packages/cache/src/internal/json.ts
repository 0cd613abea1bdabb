import type { CacheSerializer } from '../options.ts';

/**
 * The serializer of caches that name none: JSON in UTF-8, for plain data. What JSON would change is refused with its place:
 * dates, maps, NaN, binary, class instances. `undefined` is kept at the top, and an undefined property counts as absent.
 */
export const strictJson: CacheSerializer = {
  serialize(value) {
    if (value === undefined) return new Uint8Array(0);
    const loss = lossIn(value, []);
    if (loss !== undefined) throw refusal(loss);
    return Buffer.from(JSON.stringify(value));
  },
  deserialize(bytes) {
    return parseJson(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes), 0);
  },
};

/** The value whose JSON starts at an offset: a view of the rest would cost as much as a short text takes to parse. */
export function parseJson(bytes: Buffer, from: number): unknown {
  return bytes.length === from ? undefined : (JSON.parse(bytes.toString(undefined, from)) as unknown);
}

/** Where a JSON text starts that goes on to the end of the bytes. */
export interface JsonText {
  readonly bytes: Buffer;
  readonly from: number;
}

/**
 * The values of several texts of objects, parsed as one array, which takes a fifth less: the engine knows the next object's shape from the last
 * one. Undefined where one is no JSON, which a parse of each alone tells. That one text opens what another closes, and a third makes up for the
 * count, does not happen by accident: each begins and ends as an object does, and no string goes on in the next, since none holds a line feed.
 */
export function parseJsonRow(texts: readonly JsonText[]): unknown[] | undefined {
  try {
    let row = '';
    for (const { bytes, from } of texts) row += `${row === '' ? '[' : ',\n'}${bytes.toString(undefined, from)}`;
    const values = JSON.parse(`${row}]`) as unknown[];
    return values.length === texts.length ? values : undefined;
  } catch {
    return undefined;
  }
}

/** What JSON would not keep, and where: names from the outside in. */
interface Loss {
  readonly what: string;
  readonly path: (string | number)[];
}

/** @param above the objects that the value is inside of */
function lossIn(value: unknown, above: object[]): Loss | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { what: String(value), path: [] };
  const what = typeof value === 'object' ? oddityOf(value, above) : typeof value;
  if (what !== undefined) return { what, path: [] };
  const parts = value as Record<string | number, unknown>;
  above.push(parts);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const loss = lossIn(parts[i], above);
      if (loss !== undefined) return within(i, loss);
    }
  } else {
    for (const name of Object.keys(parts)) {
      const loss = parts[name] === undefined ? undefined : lossIn(parts[name], above);
      if (loss !== undefined) return within(name, loss);
    }
  }
  above.pop();
  return undefined;
}

/** Why JSON would not keep an object, whatever its parts. */
function oddityOf(value: object, above: readonly object[]): string | undefined {
  if (above.includes(value)) return 'a cycle';
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) {
    return `an instance of ${value.constructor?.name ?? 'a class'}`;
  }
  if (Object.getOwnPropertySymbols(value).length > 0) return 'a property named by a symbol';
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return 'an object with toJSON';
  return undefined;
}

function within(name: string | number, loss: Loss): Loss {
  loss.path.unshift(name);
  return loss;
}

/** The place is a JSON pointer, as a URI fragment (RFC 6901). */
function refusal({ what, path }: Loss): TypeError {
  const at = path.map((name) => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`);
  return new TypeError(
    `JSON would not keep ${what} at #${at.join('')}; convert it, or give the cache a serializer, such as v8 of @ent/serialization`,
  );
}
