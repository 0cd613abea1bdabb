import { type $ZodType, type $ZodTypes, globalRegistry, toJSONSchema } from 'zod/v4/core';
import { patternOf } from './pattern.ts';
import { BIGINT_PATTERN, DATE_PATTERN } from './reading.ts';
import { isRequired, type Side } from './schema-parts.ts';

/** A JSON Schema (draft 2020-12), as OpenAPI 3.1 takes it. */
export type JsonSchema = { [keyword: string]: unknown };

/** One side of a schema as JSON Schema: of a request what `strict` makes of it takes, of a response what goes out. */
export function convert(schema: $ZodType, side: Side): JsonSchema {
  return toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: side,
    unrepresentable: ({ zodSchema }) => unrepresentable(zodSchema, side),
    override: ({ zodSchema, jsonSchema, path }) => amend(zodSchema, jsonSchema, side, path),
  }) as JsonSchema;
}

/** What zod has no JSON Schema for. */
function unrepresentable(schema: $ZodTypes, side: Side): JsonSchema | 'any' {
  switch (schema._zod.def.type) {
    case 'date':
      // JSON.stringify writes it so; what is read stands in readerOf.
      return side === 'output' ? { type: 'string', format: 'date-time' } : { type: 'string', pattern: DATE_PATTERN };
    case 'bigint':
      return { type: 'string', pattern: BIGINT_PATTERN };
    case 'undefined':
    case 'void':
    case 'nan':
      // Not in JSON.
      return { not: {} };
    default:
      return 'any';
  }
}

/** Mends what zod says otherwise than the service does. */
function amend(schema: $ZodTypes, json: JsonSchema, side: Side, path: readonly PropertyKey[]): void {
  const { def } = schema._zod;
  switch (def.type) {
    case 'object':
      // Requests are refused for a field too many. Responses may get fields later, and clients must not break then.
      if (def.catchall === undefined) {
        if (side === 'input' && !path.includes('allOf')) json['additionalProperties'] = false;
        else delete json['additionalProperties'];
      }
      if (side === 'input') requireLess(json, def.shape);
      break;
    case 'string':
    case 'template_literal':
      amendText(schema, json);
      break;
    case 'number':
      // A client is not helped by the limits of a double; and a page shows the least as the example.
      if (side === 'output') for (const [key, limit] of LIMITS) if (json[key] === limit) delete json[key];
      break;
    case 'readonly':
      // In OpenAPI it would mean that a request must not have it.
      if (globalRegistry.get(schema)?.['readOnly'] === undefined) delete json['readOnly'];
      break;
    case 'catch':
      if (side === 'input') for (const key of Object.keys(json)) if (!ANNOTATIONS.has(key)) delete json[key];
      break;
    case 'default':
    case 'prefault':
      if (!isSteady(def)) delete json['default'];
      break;
    case 'pipe':
      amendStringbool(schema, json);
      break;
    case 'tuple':
      // The same, said so that older tools see it: they ask each list for its items.
      if (json['items'] === false) json['items'] = {};
      break;
    case 'union':
      // Alternatives that differ in what comes of them, such as z.date() and z.iso.datetime(), may read alike.
      if (Array.isArray(json['anyOf'])) setAlternatives(json, distinct(json['anyOf'] as JsonSchema[]));
      break;
    case 'record':
      nameKeys(json);
      break;
    default:
  }
}

function distinct(schemas: readonly JsonSchema[]): JsonSchema[] {
  const texts = schemas.map((each) => JSON.stringify(each));
  return schemas.filter((_, index) => texts.indexOf(texts[index] as string) === index);
}

function setAlternatives(json: JsonSchema, schemas: readonly JsonSchema[]): void {
  json['anyOf'] = schemas;
  const [only] = schemas;
  if (schemas.length > 1 || only === undefined) return;
  delete json['anyOf'];
  for (const [key, value] of Object.entries(only)) json[key] ??= value;
}

/** `z.record(z.enum(['a', 'b']), value)` has all of its keys, and no other: an object with named fields. */
function nameKeys(json: JsonSchema): void {
  const names = (json['propertyNames'] as { enum?: unknown[] } | undefined)?.enum;
  if (names === undefined || json['required'] === undefined) return;
  const value = json['additionalProperties'];
  json['properties'] = Object.fromEntries(names.map((name) => [String(name), value]));
  json['additionalProperties'] = false;
  delete json['propertyNames'];
}

const LIMITS = [
  ['minimum', Number.MIN_SAFE_INTEGER],
  ['maximum', Number.MAX_SAFE_INTEGER],
] as const;

const ANNOTATIONS = new Set(['title', 'description', 'deprecated', 'examples', 'example', 'id']);

/** A field that takes anything takes its absence too. */
function requireLess(json: JsonSchema, shape: Readonly<Record<string, $ZodType>>): void {
  const required = (json['required'] as string[] | undefined)?.filter((name) => isRequired(shape[name] as $ZodType));
  if (required === undefined) return;
  if (required.length > 0) json['required'] = required;
  else delete json['required'];
}

// Those of JSON Schema and OpenAPI. Others only zod knows, and validators complain of them.
const FORMATS = new Set(
  (
    'date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri uri-reference iri iri-reference uuid ' +
    'uri-template json-pointer relative-json-pointer regex binary byte password'
  ).split(' '),
);

function amendText(schema: $ZodTypes, json: JsonSchema): void {
  if (!FORMATS.has(String(json['format']))) delete json['format'];
  const expressions = new Map(expressionsOf(schema).map((expression) => [expression.source, expression]));
  const pattern = (source: unknown): string | undefined => {
    const expression = expressions.get(String(source));
    return patternOf(expression ?? new RegExp(String(source)));
  };
  if (json['pattern'] !== undefined) {
    const said = pattern(json['pattern']);
    if (said === undefined) delete json['pattern'];
    else json['pattern'] = said;
  }
  const { allOf } = json as { allOf?: JsonSchema[] };
  if (allOf === undefined) return;
  const kept = allOf.flatMap((part) => {
    if (part['pattern'] === undefined) return [part];
    const said = pattern(part['pattern']);
    return said === undefined ? [] : [{ ...part, pattern: said }];
  });
  if (kept.length > 0) json['allOf'] = kept;
  else delete json['allOf'];
}

/**
 * The regular expressions of a text: of its format, of its checks, and those
 * that checks of zod before 4.6 left in its bag.
 */
function expressionsOf({ _zod: { def, bag } }: $ZodTypes): RegExp[] {
  const own = 'pattern' in def ? [def.pattern] : [];
  const ofChecks = (def.checks ?? []).map(({ _zod: { def: check } }) => {
    if (!('pattern' in check) || !(check.pattern instanceof RegExp)) return undefined;
    // `.includes(text, { position })` skips line breaks too, other than the dot of its pattern.
    return 'format' in check && check.format === 'includes' ? new RegExp(check.pattern.source, 's') : check.pattern;
  });
  const inBag = 'patterns' in bag ? [...(bag.patterns as Iterable<unknown>)] : [];
  return [...own, ...ofChecks, ...inBag].filter((each) => each instanceof RegExp);
}

/** `z.stringbool()`: the words that it reads, which zod keeps to itself. */
function amendStringbool({ _zod: { bag } }: $ZodTypes, json: JsonSchema): void {
  const { truthy, falsy, case: sensitivity } = bag as { truthy?: string[]; falsy?: string[]; case?: string };
  if (json['type'] !== 'string' || !Array.isArray(truthy) || !Array.isArray(falsy)) return;
  const words = [...truthy, ...falsy];
  if (sensitivity === 'sensitive') json['enum'] = words;
  else {
    const escaped = words.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|');
    json['pattern'] = patternOf(new RegExp(`^(?:${escaped})$`, 'i'));
  }
}

/**
 * Whether a default is the same each time. `z.uuid().default(() => randomUUID())` is none that a document can
 * name: it would be another document each time.
 */
function isSteady(def: { readonly defaultValue: unknown }): boolean {
  const first = JSON.stringify(def.defaultValue) ?? '';
  // A time shows only when the clock has moved on.
  if (/\d{4}/.test(first)) for (const now = Date.now(); Date.now() === now; );
  return (JSON.stringify(def.defaultValue) ?? '') === first;
}
