import type { $ZodType, $ZodTypes } from 'zod/v4/core';

/** Which side of a schema: what it takes, or what comes out of it. */
export type Side = 'input' | 'output';

/** A part of a schema and its name in the path to it; a part that adds no step to the path has none. */
type Part = readonly [schema: $ZodType, name?: string];

/** The schemas that a schema is made of, as far as they have to do with that side of it; without a side all of them. */
function partsOf(schema: $ZodType, side?: Side): readonly Part[] {
  const { def } = (schema as $ZodTypes)._zod;
  switch (def.type) {
    case 'object': {
      const fields = Object.entries(def.shape).map(([name, field]): Part => [field, name]);
      return def.catchall === undefined ? fields : [...fields, [def.catchall, '*']];
    }
    case 'array':
      return [[def.element, '*']];
    case 'tuple': {
      const items = def.items.map((item, index): Part => [item, String(index)]);
      return def.rest === null ? items : [...items, [def.rest, '*']];
    }
    case 'record':
      return [[def.keyType], [def.valueType, '*']];
    case 'map':
      return [[def.keyType], [def.valueType]];
    case 'set':
      return [[def.valueType]];
    case 'union':
      return def.options.map((option) => [option]);
    case 'intersection':
      return [[def.left], [def.right]];
    case 'pipe':
      return pipeParts(def, side);
    case 'lazy':
      return [[def.getter()]];
    case 'catch':
      // It takes anything.
      return side === 'input' ? [] : [[def.innerType]];
    default:
      return 'innerType' in def ? [[def.innerType]] : [];
  }
}

function pipeParts(def: { in: $ZodType; out: $ZodType }, side: Side | undefined): readonly Part[] {
  if (side === undefined) return [[def.in], [def.out]];
  if (side === 'output') return [[def.out]];
  // z.preprocess: what it takes is what the schema behind its function takes.
  return [[(def.in as $ZodTypes)._zod.def.type === 'transform' ? def.out : def.in]];
}

/** Whether a request must have what this schema is for. What takes anything takes its absence too. */
export function isRequired(schema: $ZodType): boolean {
  const { def, optin } = (schema as $ZodTypes)._zod;
  if (def.type === 'catch') return false;
  if (def.type === 'readonly' || def.type === 'nullable') return isRequired(def.innerType);
  if (def.type === 'pipe') return pipeParts(def, 'input').every(([part]) => isRequired(part));
  return optin === undefined;
}

/** Whether `test` holds for the schema or for a schema in it. */
export function hasPart(schema: $ZodType, test: (part: $ZodTypes) => boolean, side?: Side): boolean {
  return pathTo(schema, test, side) !== undefined;
}

/** Where the first schema stands for which `test` holds: the names on the way to it. */
export function pathTo(
  schema: $ZodType,
  test: (part: $ZodTypes) => boolean,
  side?: Side,
  seen: Set<$ZodType> = new Set(),
): { readonly path: readonly string[]; readonly schema: $ZodTypes } | undefined {
  // A recursive schema comes by itself again.
  if (seen.has(schema)) return undefined;
  seen.add(schema);
  const known = schema as $ZodTypes;
  if (test(known)) return { path: [], schema: known };
  for (const [part, name] of partsOf(schema, side)) {
    const found = pathTo(part, test, side, seen);
    if (found !== undefined) return name === undefined ? found : { ...found, path: [name, ...found.path] };
  }
  return undefined;
}
