import type { z } from 'zod';
import { unwrap } from './schema.ts';

type AnySchema = z.core.$ZodType;
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
      return oneOf(Object.values(def['entries'] as object));
    case 'literal':
      return oneOf(def['values'] as unknown[]);
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
