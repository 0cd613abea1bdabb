import type { z } from 'zod';
import { conceal } from '../values.ts';

export type AnySchema = z.core.$ZodType;
type AnyDef = z.core.$ZodTypeDef & Record<string, unknown>;

export interface Unwrapped {
  /** The schema below optional, default, readonly and transforms: the one that sees the input first. */
  readonly core: AnySchema;
  /** The metadata of all layers; what is further out wins. */
  readonly meta: Record<string, unknown>;
  readonly secret: boolean;
}

export function unwrap(schema: AnySchema): Unwrapped {
  let core = schema;
  let meta: Record<string, unknown> = {};
  let secret = false;
  // A recursive z.lazy() would never end.
  for (let depth = 0; depth < 32; depth++) {
    const own = metaOf(core);
    if (own !== undefined) meta = { ...own, ...meta };
    const inner = innerOf(core);
    secret ||= isConcealed(core);
    if (inner === undefined) break;
    core = inner;
  }
  return { core, meta, secret: secret || meta['secret'] === true };
}

function metaOf(schema: AnySchema): Record<string, unknown> | undefined {
  const meta = (schema as Partial<z.ZodType>).meta;
  return typeof meta === 'function' ? (meta as () => Record<string, unknown> | undefined).call(schema) : undefined;
}

function innerOf(schema: AnySchema): AnySchema | undefined {
  const def = schema._zod.def as unknown as AnyDef;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return def['innerType'] as AnySchema;
    case 'lazy':
      return (def['getter'] as () => AnySchema)();
    case 'pipe': {
      // z.preprocess() is a pipe that begins with a function; what counts then is what comes after it.
      const first = def['in'] as AnySchema;
      return first._zod.def.type === 'transform' ? (def['out'] as AnySchema) : first;
    }
    default:
      return undefined;
  }
}

function isConcealed(schema: AnySchema): boolean {
  const out = (schema._zod.def as unknown as AnyDef)['out'] as AnySchema | undefined;
  return (out?._zod.def as Partial<z.core.$ZodTransformDef> | undefined)?.transform === conceal;
}

/** How the text of a variable becomes the input of the schema. */
export type Kind = 'text' | 'number' | 'bigint' | 'boolean' | 'list' | 'json';

/** What a schema takes, of the kinds that texts can be read as. */
export function kindOf(schema: AnySchema): Kind {
  switch (schema._zod.def.type) {
    case 'number':
    case 'bigint':
    case 'boolean':
      return schema._zod.def.type;
    case 'array':
    case 'set':
      return 'list';
    case 'object':
    case 'record':
    case 'tuple':
    case 'map':
    case 'intersection':
      return 'json';
    case 'union':
      return (schema._zod.def as z.core.$ZodUnionDef).options.every((option) => kindOf(unwrap(option).core) === 'json')
        ? 'json'
        : 'text';
    default:
      return 'text';
  }
}
