import {
  type $ZodCheck,
  $ZodNever,
  type $ZodStringDef,
  type $ZodObjectDef,
  type $ZodType,
  type $ZodTypeDef,
  type $ZodTypes,
  clone,
} from 'zod/v4/core';
import { type Reader, readerOf } from './reading.ts';

/**
 * The same schema as a request is checked by: exactly what the document says of it.
 *
 * Its objects refuse unknown fields instead of dropping them, also inside of arrays, unions and the like. An object
 * that says itself what to do with unknown fields (`z.looseObject`, `.catchall`) is left alone. And values are read
 * from text, where nothing else can be sent, in one form (see `readerOf`); `z.coerce` does not read more.
 *
 * Behind what cannot be looked through without changing its meaning (intersections, transforms' outputs)
 * unknown fields are dropped as zod does: the handler never sees them either way.
 *
 * @param text whether the value comes as text: from a path, a query or a header
 */
export function strict<Schema extends $ZodType>(schema: Schema, text = false): Schema {
  return tighten(schema, text, new Map()) as Schema;
}

function tighten(schema: $ZodType, text: boolean, done: Map<$ZodType, $ZodType>): $ZodType {
  const known = done.get(schema);
  if (known !== undefined) return known;
  const same = (inner: $ZodType): $ZodType => tighten(inner, text, done);
  const reader = readerOf(schema as $ZodTypes, text);
  const changed = changes((schema as $ZodTypes)._zod.def, same);
  let made = changed === undefined ? schema : clone(schema, changed);
  if (reader !== undefined) made = reading(made === schema ? clone(schema, { ...schema._zod.def }) : made, reader);
  done.set(schema, made);
  return made;
}

/** The schema itself, which reads before it checks. */
function reading(schema: $ZodType, reader: Reader): $ZodType {
  // A function of its own, which asks nothing of "this".
  // oxlint-disable-next-line typescript/unbound-method
  const { run } = schema._zod;
  schema._zod.run = (payload, context) => {
    payload.value = reader(payload.value);
    return run(payload, context);
  };
  return schema;
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
      // What z.preprocess takes is said by the schema behind its function.
      const behind = (def.in as $ZodTypes)._zod.def.type === 'transform';
      const pipe = behind ? { ...def, out: same(def.out) } : { ...def, in: same(def.in) };
      return pipe;
    }
    case 'promise': {
      const promise = { ...def, innerType: same(def.innerType) };
      return promise;
    }
    case 'lazy': {
      // zod keeps what the getter gave in the definition itself.
      const lazy = { ...def, _cachedInner: undefined, getter: () => same(def.getter()) };
      return lazy;
    }
    case 'string':
      return countingCharacters(def);
    case 'number':
    case 'boolean':
    case 'bigint':
    case 'date': {
      const uncoerced = { ...def, coerce: false };
      return def.coerce === true ? uncoerced : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * Lengths of text in characters, as the document counts them, and not in units of UTF-16, of which "😀" has two.
 */
function countingCharacters(def: $ZodStringDef): $ZodTypeDef | undefined {
  const counted = def.checks?.map((check) => (LENGTHS.has(check._zod.def.check) ? inCharacters(check) : check));
  const string = { ...def, ...(counted && { checks: counted }), coerce: false };
  const same = def.coerce !== true && (counted ?? []).every((check, index) => check === def.checks?.[index]);
  return same ? undefined : string;
}

const LENGTHS = new Set(['min_length', 'max_length', 'length_equals']);

/** What of a check is used here; zod does not say that a check has its constructor, as a schema has. */
interface Check {
  readonly _zod: { readonly def: { readonly check: string }; check(payload: Payload): void };
}
interface Payload {
  readonly value: unknown;
  readonly issues: unknown[];
}

function inCharacters(check: $ZodCheck<never>): $ZodCheck<never> {
  const { constr: Constructor, def } = check._zod as unknown as Check['_zod'] & { constr: new (def: unknown) => Check };
  const counting = new Constructor(def);
  const look = counting._zod.check.bind(counting._zod);
  counting._zod.check = (payload) => {
    const { value, issues } = payload;
    // One unit for each character.
    if (typeof value === 'string' && PAIR.test(value)) look({ value: value.replace(PAIRS, '.'), issues });
    else look(payload);
  };
  return counting as unknown as $ZodCheck<never>;
}

const PAIR = /[\ud800-\udbff][\udc00-\udfff]/;
const PAIRS = new RegExp(PAIR, 'g');

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
