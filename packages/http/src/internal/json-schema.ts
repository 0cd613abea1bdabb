import { isDeepStrictEqual } from 'node:util';
import { type $ZodType, type $ZodTypes, toJSONSchema } from 'zod/v4/core';
import { httpErrors } from '../errors.ts';

/** A JSON Schema (draft 2020-12), as OpenAPI 3.1 takes it. */
export type JsonSchema = { [keyword: string]: unknown };
/** Which side of a schema: what it takes, or what comes out of it. */
type Side = 'input' | 'output';

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

function convert(schema: $ZodType, side: Side): JsonSchema {
  return toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: side,
    unrepresentable: ({ zodSchema }) =>
      // JSON.stringify writes it so.
      zodSchema._zod.def.type === 'date' && side === 'output' ? { type: 'string', format: 'date-time' } : 'any',
    override: ({ zodSchema, jsonSchema, path }) => {
      if (!hasNoCatchall(zodSchema)) return;
      // Requests are refused for a field too many. Responses may get fields later, and clients must not break then.
      if (side === 'input' && !path.includes('allOf')) jsonSchema.additionalProperties = false;
      else delete jsonSchema.additionalProperties;
    },
  }) as JsonSchema;
}

/** An object that says nothing of unknown fields; see `strict`. */
function hasNoCatchall(schema: $ZodTypes): boolean {
  const { def } = schema._zod;
  return def.type === 'object' && def.catchall === undefined;
}

function refers(schema: unknown, ref: string): boolean {
  if (Array.isArray(schema)) return schema.some((item) => refers(item, ref));
  if (typeof schema !== 'object' || schema === null) return false;
  return Object.entries(schema).some(([key, value]) => (key === '$ref' ? value === ref : refers(value, ref)));
}

function rewrite(schema: JsonSchema, names: ReadonlyMap<string, string>): JsonSchema {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, key === '$ref' ? refTo(nameOf(inner as string)) : walk(inner)]),
    );
  };
  const nameOf = (ref: string): string => names.get(ref.replace(/^#(\/\$defs\/)?/, '')) ?? ref;
  return walk(schema) as JsonSchema;
}

function refTo(name: string): string {
  return `#/components/schemas/${name}`;
}
