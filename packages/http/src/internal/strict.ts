import { $ZodNever, type $ZodObjectDef, type $ZodType, type $ZodTypeDef, type $ZodTypes, clone } from 'zod/v4/core';

/**
 * The same schema, but its objects refuse unknown fields instead of dropping them, also inside of arrays, unions and
 * the like. An object that says itself what to do with unknown fields (`z.looseObject`, `.catchall`) is left alone.
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
  const same = (inner: $ZodType): $ZodType => tighten(inner, done);
  const changed = changes((schema as $ZodTypes)._zod.def, same);
  const made = changed === undefined ? schema : clone(schema, changed);
  done.set(schema, made);
  return made;
}

/** The definition with its parts tightened; `undefined` when nothing in it is. */
function changes(def: $ZodTypes['_zod']['def'], same: (inner: $ZodType) => $ZodType): $ZodTypeDef | undefined {
  switch (def.type) {
    case 'object':
      return strictObject(def, same);
    case 'array': {
      const array = { ...def, element: same(def.element) };
      return array;
    }
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch': {
      const wrapper = { ...def, innerType: same(def.innerType) };
      return wrapper;
    }
    case 'union': {
      const union = { ...def, options: def.options.map(same) };
      return union;
    }
    case 'record': {
      const record = { ...def, valueType: same(def.valueType) };
      return record;
    }
    case 'tuple': {
      const tuple = { ...def, items: def.items.map(same), rest: def.rest && same(def.rest) };
      return tuple;
    }
    case 'pipe': {
      const pipe = { ...def, in: same(def.in) };
      return pipe;
    }
    default:
      return undefined;
  }
}

function strictObject(def: $ZodObjectDef, same: (inner: $ZodType) => $ZodType): $ZodTypeDef {
  let shape: Record<string, $ZodType> | undefined;
  const object = {
    ...def,
    catchall: def.catchall ?? new $ZodNever({ type: 'never' }),
    // A getter, since a recursive schema's own shape is one: it must not be asked before it is complete.
    get shape() {
      shape ??= Object.fromEntries(Object.entries(def.shape).map(([key, value]) => [key, same(value)]));
      return shape;
    },
  };
  return object;
}
