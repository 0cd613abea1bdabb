import { type $ZodType, type $ZodTypes, $ZodNever, clone } from 'zod/v4/core';

/**
 * The same schema, but its objects refuse unknown fields instead of dropping them, also inside of arrays, unions and the
 * like. An object that says itself what to do with unknown fields (`z.looseObject`, `.catchall`) is left alone.
 *
 * Behind what cannot be looked through without changing its meaning (intersections, lazy schemas, transforms' outputs)
 * unknown fields are dropped as zod does: the handler never sees them either way.
 */
export function strict<Schema extends $ZodType>(schema: Schema): Schema {
  return tighten(schema, new Map()) as Schema;
}

function tighten(schema: $ZodType, done: Map<$ZodType, $ZodType>): $ZodType {
  const known = done.get(schema);
  if (known !== undefined) return known;
  const def = (schema as $ZodTypes)._zod.def;
  const same = (inner: $ZodType): $ZodType => tighten(inner, done);
  const keep = (made: $ZodType): $ZodType => {
    done.set(schema, made);
    return made;
  };
  switch (def.type) {
    case 'object': {
      let shape: Record<string, $ZodType> | undefined;
      return keep(
        clone(schema, {
          ...def,
          catchall: def.catchall ?? new $ZodNever({ type: 'never' }),
          // A getter, since a recursive schema's own shape is one: it must not be asked before it is complete.
          get shape() {
            shape ??= Object.fromEntries(Object.entries(def.shape).map(([key, value]) => [key, same(value)]));
            return shape;
          },
        } as typeof def),
      );
    }
    case 'array':
      return keep(clone(schema, { ...def, element: same(def.element) } as typeof def));
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return keep(clone(schema, { ...def, innerType: same(def.innerType) } as typeof def));
    case 'union':
      return keep(clone(schema, { ...def, options: def.options.map(same) } as typeof def));
    case 'record':
      return keep(clone(schema, { ...def, valueType: same(def.valueType) } as typeof def));
    case 'tuple':
      return keep(
        clone(schema, {
          ...def,
          items: def.items.map(same),
          rest: def.rest === null ? null : same(def.rest),
        } as typeof def),
      );
    case 'pipe':
      return keep(clone(schema, { ...def, in: same(def.in) } as typeof def));
    default:
      return keep(schema);
  }
}
