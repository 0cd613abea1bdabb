import type { z } from 'zod';
import { configErrors } from '../errors.ts';
import { conceal } from '../values.ts';
import { Slips } from './names.ts';

type AnySchema = z.core.$ZodType;
type AnyDef = z.core.$ZodTypeDef & Record<string, unknown>;

/** How the text of a variable becomes the input of the schema. */
export type Kind = 'text' | 'number' | 'bigint' | 'boolean' | 'literal' | 'list' | 'json';

/** A setting that one variable sets. */
export interface Leaf {
  readonly index: number;
  readonly path: readonly string[];
  /** The variable. */
  readonly name: string;
  /** The variable that names a file with the value; `undefined` where another setting has that name. */
  fileName: string | undefined;
  readonly schema: AnySchema;
  readonly kind: Kind;
  readonly element: Kind;
  readonly literals: readonly unknown[];
  readonly secret: boolean;
  readonly required: boolean;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** An object of the schema. */
export interface Group {
  readonly path: readonly string[];
  /** Without any setting of it, an optional group is absent; another one is `{}`, so that defaults inside apply. */
  readonly optional: boolean;
  readonly members: readonly Member[];
}

export interface Member {
  readonly key: string;
  readonly group?: Group;
  readonly leaf?: Leaf;
}

export interface Plan {
  readonly root: Group;
  readonly leaves: readonly Leaf[];
  /** Every variable that means something, `<VARIABLE>_FILE` included. */
  readonly names: ReadonlyMap<string, KnownVariable>;
  readonly slips: Slips;
}

/** A variable that means something. */
interface KnownVariable {
  readonly name: string;
  readonly leaf: Leaf;
  /** Whether it names a file with the value. */
  readonly isFile: boolean;
}

/** Finds the variables of a schema. */
export function planOf(schema: z.ZodObject, prefix: string): Plan {
  const leaves: Leaf[] = [];
  const names = new Map<string, KnownVariable>();

  const open = new Set<AnySchema>();

  function group(object: AnySchema, path: readonly string[], optional: boolean, required: boolean): Group {
    const members: Member[] = [];
    open.add(object);
    for (const [key, member] of Object.entries(shapeOf(object))) {
      const place = [...path, key];
      const { core, meta, secret } = unwrap(member);
      const absent = member._zod.optin !== undefined;
      const needed = required && !absent;
      // An object inside of itself has no end of variables; it is read as JSON.
      if (core._zod.def.type === 'object' && !open.has(core))
        members.push({ key, group: group(core, place, absent, needed) });
      else members.push({ key, leaf: leaf(member, core, place, meta, secret, needed) });
    }
    open.delete(object);
    return { path, optional, members };
  }

  function leaf(
    member: AnySchema,
    core: AnySchema,
    path: readonly string[],
    meta: Record<string, unknown>,
    secret: boolean,
    required: boolean,
  ): Leaf {
    const name = typeof meta['env'] === 'string' ? meta['env'] : prefix + path.map(screaming).join('__');
    const other = names.get(name)?.leaf;
    if (other !== undefined) {
      throw configErrors.schema(
        `The settings ${other.path.join('.')} and ${path.join('.')} have the same variable, ${name}.`,
      );
    }
    const element = core._zod.def.type === 'array' ? unwrap((core._zod.def as z.core.$ZodArrayDef).element).core : core;
    const made: Leaf = {
      index: leaves.length,
      path,
      name,
      fileName: `${name}_FILE`,
      schema: member,
      kind: kindOf(core),
      element: kindOf(element),
      literals: (core._zod.def as unknown as AnyDef)['values'] as readonly unknown[],
      secret,
      required,
      meta,
    };
    leaves.push(made);
    names.set(name, { name, leaf: made, isFile: false });
    return made;
  }

  const root = group(schema, [], false, true);
  for (const each of leaves) {
    const name = each.fileName as string;
    if (names.has(name)) each.fileName = undefined;
    else names.set(name, { name, leaf: each, isFile: true });
  }
  return { root, leaves, names, slips: new Slips(names.keys()) };
}

/** `databaseUrl`, `database_url`, `database-url` and `DATABASE_URL` are all `DATABASE_URL`. */
export function screaming(key: string): string {
  if (/^[A-Z0-9_]+$/.test(key)) return key;
  return key
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();
}

function shapeOf(object: AnySchema): Readonly<Record<string, AnySchema>> {
  return (object._zod.def as z.core.$ZodObjectDef).shape;
}

interface Unwrapped {
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

function kindOf(schema: AnySchema): Kind {
  switch (schema._zod.def.type) {
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'literal':
      return schema._zod.def.type;
    case 'array':
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
