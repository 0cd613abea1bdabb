import type { z } from 'zod';
import type { Variable } from '../options.ts';
import { expectationOf } from './expectation.ts';
import type { Leaf } from './schema.ts';

/** What can be told about a variable. */
export function describeLeaf(leaf: Leaf): Variable {
  const { name, path, required, secret, meta } = leaf;
  const value = secret ? undefined : defaultOf(leaf);
  return Object.freeze({
    name,
    path,
    required,
    secret,
    expected: expectationOf(leaf.schema),
    ...(value === undefined ? {} : { default: value }),
    ...(secret || meta['example'] === undefined ? {} : { example: textOf(meta['example'], leaf) }),
    ...(typeof meta['description'] === 'string' ? { description: meta['description'] } : {}),
  });
}

/** The default as the text of a variable; `undefined` where there is none. */
function defaultOf(leaf: Leaf): string | undefined {
  let schema: z.core.$ZodType | undefined = leaf.schema;
  while (schema !== undefined) {
    const def = schema._zod.def as unknown as Record<string, unknown>;
    if (def['type'] === 'default' || def['type'] === 'prefault') return textOf(def['defaultValue'], leaf);
    schema = (def['innerType'] ?? def['in']) as z.core.$ZodType | undefined;
  }
  return undefined;
}

function textOf(value: unknown, leaf: Leaf): string {
  if (Array.isArray(value)) {
    const fitsBetweenCommas = leaf.element !== 'json' && value.every((item) => !String(item).includes(','));
    return fitsBetweenCommas ? value.map(String).join(',') : JSON.stringify(value);
  }
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  // A default of duration() is a number of milliseconds; as text it needs its unit.
  return typeof value === 'number' && typeof leaf.meta['unit'] === 'string'
    ? `${value}${leaf.meta['unit']}`
    : String(value);
}
