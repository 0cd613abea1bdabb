import { isDeepStrictEqual } from 'node:util';
import type { $ZodType } from 'zod/v4/core';
import { httpErrors } from '../errors.ts';
import { convert, type JsonSchema } from './json-schema-of.ts';
import type { Side } from './schema-parts.ts';

/**
 * Collects the schemas of a document. One with an id (`.meta({ id: 'User' })`) stands once in `components` and is
 * referred to from everywhere. Where its input differs from its output, the input is called `UserInput`.
 */
export class Schemas {
  readonly components: Record<string, JsonSchema> = {};
  /** As zod gave them, references not rewritten yet: what a name stands for. */
  readonly #raw = new Map<string, JsonSchema>();

  /**
   * @param fallback name of the component that a recursive schema without an id needs
   * @returns the schema itself, or a reference to it
   */
  place(schema: $ZodType, side: Side, fallback: string): JsonSchema {
    const {
      $schema: _,
      $defs = {},
      ...root
    } = convert(schema, side) as JsonSchema & { $defs?: Record<string, JsonSchema> };
    const defs = new Map(Object.entries($defs));
    if (refers(root, '#')) defs.set('', root);
    const names = this.#name(defs, side, fallback);
    for (const [key, raw] of defs) {
      const name = names.get(key) as string;
      this.#raw.set(name, raw);
      this.components[name] = rewrite(raw, names);
    }
    return defs.has('') ? { $ref: refTo(names.get('') as string) } : rewrite(root, names);
  }

  /** Chooses a component's name for each definition; two different ones never get the same. */
  #name(defs: ReadonlyMap<string, JsonSchema>, side: Side, fallback: string): Map<string, string> {
    const plain = (key: string): string => (key === '' ? fallback : key.replace(/^__schema/, fallback));
    const differs = new Set<string>();
    const clashes = (key: string, raw: JsonSchema): boolean => {
      const taken = this.#raw.get(plain(key));
      return taken !== undefined && !isDeepStrictEqual(taken, raw);
    };
    for (const [key, raw] of defs) if (clashes(key, raw)) differs.add(key);
    // What refers to something that is called differently is different itself.
    for (let before = -1; before !== differs.size; ) {
      before = differs.size;
      for (const [key, raw] of defs) {
        if ([...differs].some((other) => refers(raw, other === '' ? '#' : `#/$defs/${other}`))) differs.add(key);
      }
    }
    const names = new Map<string, string>();
    for (const [key, raw] of defs) {
      const name = differs.has(key) ? `${plain(key)}Input` : plain(key);
      const taken = this.#raw.get(name);
      if (differs.has(key) && (side === 'output' || (taken !== undefined && !isDeepStrictEqual(taken, raw)))) {
        throw httpErrors.invalid_route(
          `Two different schemas have the id "${plain(key)}": ids are unique in a document.`,
        );
      }
      names.set(key, name);
    }
    return names;
  }
}

function refers(schema: JsonSchema, ref: string): boolean {
  let found = false;
  mapRefs(schema, (given) => {
    found ||= given === ref;
    return given;
  });
  return found;
}

function rewrite(schema: JsonSchema, names: ReadonlyMap<string, string>): JsonSchema {
  return mapRefs(schema, (ref) => refTo(names.get(ref.replace(/^#(\/\$defs\/)?/, '')) ?? ref));
}

// What stands in a schema and is none: maps of schemas, whose keys are
// anybody's words, and values, which may look like one.
const MAPS = new Set(['properties', 'patternProperties', '$defs', 'dependentSchemas']);
const VALUES = new Set(['default', 'const', 'enum', 'examples', 'example']);

/** The schema with other references. */
function mapRefs(schema: JsonSchema, change: (ref: string) => string): JsonSchema {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    return typeof value === 'object' && value !== null ? mapRefs(value as JsonSchema, change) : value;
  };
  const walkAll = (schemas: object): object =>
    Object.fromEntries(Object.entries(schemas).map(([key, inner]) => [key, walk(inner)]));
  const entries = Object.entries(schema).map(([key, value]) => {
    if (key === '$ref') return [key, change(value as string)];
    if (VALUES.has(key)) return [key, value];
    return [key, MAPS.has(key) ? walkAll(value as object) : walk(value)];
  });
  return Object.fromEntries(entries) as JsonSchema;
}

function refTo(name: string): string {
  return `#/components/schemas/${name}`;
}
