import type { z } from 'zod';
import { configErrors } from '../errors.ts';
import { isSystemName, Slips } from './names.ts';
import { type ReadText, readerOf } from './read-text.ts';
import { type AnySchema, type Kind, kindOf, unwrap } from './unwrap.ts';

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
  /** The kind of the elements of a list; else that of the setting itself. */
  readonly element: Kind;
  /** The input of the schema for the text of the variable. */
  readonly read: ReadText;
  readonly secret: boolean;
  readonly required: boolean;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** An object of the schema. */
export interface Group {
  readonly path: readonly string[];
  /** Without any setting of it, an optional group is absent; another one is `{}`, so that defaults inside apply. */
  readonly optional: boolean;
  /** What it has without any setting of it: `.default()` or `.prefault()` of the whole object. */
  readonly fallback: (() => unknown) | undefined;
  /** The variable that can hold all of it as JSON; `undefined` for the root, and where a setting has that name. */
  name: string | undefined;
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
  /** The variables of groups. */
  readonly groups: ReadonlyMap<string, Group>;
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
  const groups: Group[] = [];

  const open = new Set<AnySchema>();

  const nameOf = (path: readonly string[]): string => prefix + path.map(screaming).join('__');

  function group(
    object: AnySchema,
    path: readonly string[],
    optional: boolean,
    required: boolean,
    fallback?: () => unknown,
  ): Group {
    const members: Member[] = [];
    open.add(object);
    for (const [key, member] of Object.entries(shapeOf(object))) {
      const place = [...path, key];
      const { core, meta, secret } = unwrap(member);
      const absent = member._zod.optin !== undefined;
      const needed = required && !absent;
      // An object inside of itself has no end of variables; it is read as JSON.
      if (core._zod.def.type === 'object' && !open.has(core))
        members.push({ key, group: group(core, place, absent, needed, fallbackOf(member)) });
      else members.push({ key, leaf: leaf(member, core, place, meta, secret, needed) });
    }
    open.delete(object);
    const made: Group = { path, optional, fallback, name: path.length === 0 ? undefined : nameOf(path), members };
    groups.push(made);
    return made;
  }

  function leaf(
    member: AnySchema,
    core: AnySchema,
    path: readonly string[],
    meta: Record<string, unknown>,
    secret: boolean,
    required: boolean,
  ): Leaf {
    const own = typeof meta['env'] === 'string' ? meta['env'] : undefined;
    const name = own ?? nameOf(path);
    if (own === undefined && isSystemName(name)) {
      throw configErrors.schema(
        `The setting ${path.join('.')} has the variable ${name}, which the system sets. Give the settings a prefix, or this one .meta({ env: ... }).`,
      );
    }
    const other = names.get(name)?.leaf;
    if (other !== undefined) {
      throw configErrors.schema(
        `The settings ${other.path.join('.')} and ${path.join('.')} have the same variable, ${name}.`,
      );
    }
    const made: Leaf = {
      index: leaves.length,
      path,
      name,
      fileName: `${name}_FILE`,
      schema: member,
      kind: kindOf(core),
      element: kindOf(elementOf(core)),
      read: readerOf(core),
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
  const named = new Map<string, Group>();
  for (const each of groups) {
    if (each.name === undefined) continue;
    if (names.has(each.name)) each.name = undefined;
    else named.set(each.name, each);
  }
  return { root, leaves, names, groups: named, slips: new Slips(names.keys()) };
}

function elementOf(core: AnySchema): AnySchema {
  const def = core._zod.def as unknown as Record<string, AnySchema>;
  const element = def['element'] ?? (core._zod.def.type === 'set' ? def['valueType'] : undefined);
  return element === undefined ? core : unwrap(element).core;
}

/** `.default()` or `.prefault()` of a schema. */
export function fallbackOf(schema: AnySchema): (() => unknown) | undefined {
  for (let layer: AnySchema | undefined = schema; layer !== undefined; ) {
    const def = layer._zod.def as unknown as Record<string, unknown>;
    // It can be computed, and is anew each time it is read.
    if (def['type'] === 'default' || def['type'] === 'prefault') return () => def['defaultValue'];
    layer = (def['innerType'] ?? def['in']) as AnySchema | undefined;
  }
  return undefined;
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
