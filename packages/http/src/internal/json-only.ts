import type { $ZodType, $ZodTypes } from 'zod/v4/core';
import { httpErrors } from '../errors.ts';
import { pathTo, type Side } from './schema-parts.ts';

/** What JSON, and text, have no value for. Dates and bigints of a request are read from text (see `readerOf`). */
const UNKNOWN: Readonly<Record<Side, ReadonlySet<string>>> = {
  input: new Set(['map', 'set', 'symbol', 'function', 'file']),
  output: new Set(['map', 'set', 'symbol', 'function', 'file', 'bigint', 'nan']),
};
const NAMES: Readonly<Record<string, string>> = { map: 'Map', set: 'Set', bigint: 'BigInt', nan: 'NaN', file: 'File' };

/**
 * Refuses a schema of something that JSON cannot say. `JSON.stringify` makes `{}` of a Map, null of NaN, and
 * throws at a BigInt; and no request has any of them.
 *
 * @throws `http.invalid_route`
 */
export function refuseUnsayable(schema: $ZodType, side: Side, what: string): void {
  const found = pathTo(schema, (part) => unknownType(part, side) !== undefined, side);
  if (found === undefined) return;
  const type = unknownType(found.schema, side) as string;
  const at = found.path.length === 0 ? '' : ` at /${found.path.join('/')}`;
  throw httpErrors.invalid_route(
    `${what} has a ${NAMES[type] ?? type}${at}, which JSON does not have. ${
      side === 'output'
        ? 'Make JSON of it: z.map(...).transform((map) => [...map]), z.bigint().transform(String).'
        : 'Make it of what JSON has: z.array(...).transform((list) => new Set(list)).'
    }`,
  );
}

function unknownType({ _zod: { def } }: $ZodTypes, side: Side): string | undefined {
  if (def.type === 'literal') return def.values.some((value) => typeof value === 'bigint') ? 'bigint' : undefined;
  return UNKNOWN[side].has(def.type) ? def.type : undefined;
}

/** Writes the output of a schema as JSON; `undefined` where there is nothing to write. */
export type Writer = (value: unknown) => string | undefined;

export function writerOf(schema: $ZodType): Writer {
  // Only where the schema does not say what comes out, there is something to look for.
  const open = pathTo(schema, ({ _zod: { def } }) => OPEN.has(def.type), 'output') !== undefined;
  return open ? (value) => JSON.stringify(value, refuseEmptied) : (value) => JSON.stringify(value);
}

const OPEN: ReadonlySet<string> = new Set(['any', 'unknown', 'custom', 'transform', 'catch', 'promise']);

function refuseEmptied(key: string, value: unknown): unknown {
  if (!(value instanceof Map) && !(value instanceof Set)) return value;
  throw httpErrors.response_invalid(`A handler gave a Map or a Set in "${key}", which JSON does not have.`);
}
