import type { $ZodType, $ZodTypes } from 'zod/v4/core';

/** Turns a raw query into an object: see {@link recordOf}. */
export function parseQuery(query: string, lists: ReadonlySet<string>): Record<string, unknown> {
  return recordOf(query === '' ? [] : new URLSearchParams(query), lists);
}

/** Names and values as an object: a name that is repeated, or that is in `lists`, has an array. */
export function recordOf(
  entries: Iterable<readonly [string, unknown]>,
  lists: ReadonlySet<string>,
): Record<string, unknown> {
  // No prototype: a parameter may be called "__proto__" or "constructor".
  const result = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of entries) {
    const before = result[name];
    if (before === undefined) result[name] = lists.has(name) ? [value] : value;
    else if (Array.isArray(before)) before.push(value);
    else result[name] = [before, value];
  }
  return result;
}

/** Names of the fields that take a list, so that a single `?tag=a` is a list of one. */
export function listFields(schema: $ZodType | undefined): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [name, field] of Object.entries(fieldsOf(schema))) if (isList(field)) names.add(name);
  return names;
}

/** The fields of an object schema, looked for behind wrappers; empty for any other schema. */
export function fieldsOf(schema: $ZodType | undefined): Readonly<Record<string, $ZodType>> {
  const def = schema === undefined ? undefined : unwrap(schema)._zod.def;
  return def?.type === 'object' ? def.shape : {};
}

/** Whether a schema takes a list. */
export function isList(schema: $ZodType): boolean {
  const { type } = unwrap(schema)._zod.def;
  return type === 'array' || type === 'tuple' || type === 'set';
}

/** A schema without its wrappers. */
export function unwrap(schema: $ZodType): $ZodTypes {
  const known = schema as $ZodTypes;
  const { def } = known._zod;
  if ('innerType' in def) return unwrap(def.innerType);
  return def.type === 'pipe' ? unwrap(def.in) : known;
}
