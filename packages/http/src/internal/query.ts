import type { $ZodType, $ZodTypes } from 'zod/v4/core';

/** Turns a raw query into an object: a parameter that is repeated, or that `lists` names, is an array. */
export function parseQuery(query: string, lists: ReadonlySet<string>): Record<string, string | string[]> {
  // No prototype: a parameter may be called "__proto__" or "constructor".
  const result = Object.create(null) as Record<string, string | string[]>;
  if (query === '') return result;
  for (const [name, value] of new URLSearchParams(query)) {
    const before = result[name];
    if (before === undefined) result[name] = lists.has(name) ? [value] : value;
    else if (typeof before === 'string') result[name] = [before, value];
    else before.push(value);
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

function isList(schema: $ZodType): boolean {
  const { type } = unwrap(schema)._zod.def;
  return type === 'array' || type === 'tuple' || type === 'set';
}

function unwrap(schema: $ZodType): $ZodTypes {
  const known = schema as $ZodTypes;
  const { def } = known._zod;
  if ('innerType' in def) return unwrap(def.innerType);
  return def.type === 'pipe' ? unwrap(def.in) : known;
}
