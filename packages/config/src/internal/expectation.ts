import { type AnySchema, kindOf, unwrap } from './unwrap.ts';

type AnyDef = Record<string, unknown>;

/** What the checks of a schema have that is read here. */
interface Check {
  readonly check?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly value?: number | bigint;
  readonly inclusive?: boolean;
  readonly pattern?: RegExp;
}

const FORMATS: Readonly<Record<string, string>> = {
  email: 'an email address',
  url: 'a URL',
  uuid: 'a UUID',
  guid: 'a UUID',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  cidrv4: 'an IPv4 range',
  cidrv6: 'an IPv6 range',
  base64: 'base64',
  base64url: 'base64url',
  datetime: 'an ISO 8601 date and time',
  date: 'an ISO 8601 date',
  time: 'an ISO 8601 time',
};

/** What a schema takes, in words: `an integer from 1 to 65535`. */
export function expectationOf(schema: AnySchema): string {
  const { core, meta } = unwrap(schema);
  if (isStringbool(schema)) return 'true or false';
  if (typeof meta['expected'] === 'string') return meta['expected'];
  const def = core._zod.def as unknown as AnyDef;
  switch (core._zod.def.type) {
    case 'string':
      return stringExpectation(core, def);
    case 'number':
    case 'bigint':
      return numberExpectation(core, def);
    case 'boolean':
      return 'true or false';
    case 'enum':
      // Not its entries: an enum of numbers has them both ways.
      return oneOf([...(core._zod.values ?? [])]);
    case 'literal':
      return oneOf(def['values'] as unknown[]);
    case 'set':
      return `a list, separated by commas, of: ${expectationOf(def['valueType'] as AnySchema)}`;
    case 'array':
      return `a list, separated by commas, of: ${expectationOf(def['element'] as AnySchema)}`;
    case 'union':
      return [...new Set((def['options'] as AnySchema[]).map(expectationOf))].join(' or ');
    case 'object':
    case 'record':
    case 'tuple':
    case 'map':
    case 'intersection':
      return 'JSON';
    case 'date':
      return 'a date';
    default:
      return 'a valid value';
  }
}

/** The same for a part of what a schema takes, such as a member of its JSON. */
export function expectationAt(schema: AnySchema, path: readonly PropertyKey[]): string {
  let part = schema;
  for (const key of path) {
    const { core } = unwrap(part);
    const def = core._zod.def as unknown as AnyDef;
    // A list says of itself what its elements are.
    if (core._zod.def.type === 'array' && path.length === 1 && isOnOneLine(def['element'] as AnySchema)) break;
    const next = partOf(core._zod.def.type, def, key);
    if (next === undefined) return part === schema ? expectationOf(schema) : 'another value';
    part = next;
  }
  return expectationOf(part);
}

function partOf(type: string, def: AnyDef, key: PropertyKey): AnySchema | undefined {
  switch (type) {
    case 'object':
      return (def['shape'] as Record<PropertyKey, AnySchema>)[key];
    case 'record':
    case 'map':
      return def['valueType'] as AnySchema;
    case 'array':
      return def['element'] as AnySchema;
    case 'tuple':
      return (def['items'] as AnySchema[])[Number(key)] ?? undefined;
    case 'union': {
      const options = (def['options'] as AnySchema[]).map((option) => unwrap(option).core._zod.def);
      const parts = options.map((option) => partOf(option.type, option as unknown as AnyDef, key));
      // Of the members that have it; which one was meant is zod's to say, and it does not.
      return parts.find((part) => part !== undefined);
    }
    default:
      return undefined;
  }
}

/** Whether the elements of a list are written between commas. */
function isOnOneLine(element: AnySchema): boolean {
  return kindOf(unwrap(element).core) !== 'json';
}

/** z.stringbool() begins with any text, which says little. */
function isStringbool(schema: AnySchema): boolean {
  const def = schema._zod.def as unknown as AnyDef;
  const next = (def['innerType'] ?? def['out']) as AnySchema | undefined;
  if (next === undefined) return false;
  return def['type'] === 'pipe' ? next._zod.def.type === 'boolean' : isStringbool(next);
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
}

function stringExpectation(core: AnySchema, def: AnyDef): string {
  const checks = checksOf(core);
  const formats = [def['format'], ...checks.map((check) => check.format)];
  for (const format of formats) {
    const words = FORMATS[String(format)];
    if (words !== undefined) return words;
  }
  const least = checks.find((check) => check.check === 'min_length')?.minimum;
  const most = checks.find((check) => check.check === 'max_length')?.maximum;
  const pattern = checks.find((check) => check.format === 'regex')?.pattern;
  const characters = range(least, most, 'at least', 'at most');
  return [
    'text',
    characters === '' || (least === 1 && most === undefined) ? '' : `of ${characters} characters`,
    pattern === undefined ? '' : `that matches ${String(pattern)}`,
  ]
    .filter(Boolean)
    .join(' ');
}

function numberExpectation(core: AnySchema, def: AnyDef): string {
  const checks = checksOf(core);
  const isInteger =
    [def as Check, ...checks].some((check) => /int/.test(String(check.format))) || def['type'] === 'bigint';
  const least = checks.findLast((check) => check.check === 'greater_than');
  const most = checks.findLast((check) => check.check === 'less_than');
  const words = range(
    least?.value,
    most?.value,
    least?.inclusive === false ? 'above' : 'at least',
    most?.inclusive === false ? 'below' : 'at most',
  );
  const from = /^\S+ to /.test(words) ? 'from ' : '';
  return [isInteger ? 'an integer' : 'a number', from + words].filter(Boolean).join(' ');
}

type Bound = number | bigint | undefined;

function range(least: Bound, most: Bound, atLeast: string, atMost: string): string {
  if (least !== undefined && most !== undefined && atLeast === 'at least' && atMost === 'at most')
    return `${least} to ${most}`;
  return [least === undefined ? '' : `${atLeast} ${least}`, most === undefined ? '' : `${atMost} ${most}`]
    .filter(Boolean)
    .join(' and ');
}

function checksOf(schema: AnySchema): Check[] {
  return (schema._zod.def.checks ?? []).map((check) => check._zod.def as Check);
}
