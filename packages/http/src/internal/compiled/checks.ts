import { $ZodCheckMinLength, type $ZodChecks, type $ZodType } from 'zod/v4/core';
import { type Program, Uncompiled } from './program.ts';

/**
 * Adds the checks of a schema, of which zod has written all. Those of text are asked themselves, so that lengths and
 * patterns are those of the zod that is installed; what can be seen before is not asked.
 */
export function writeChecks(program: Program, schema: $ZodType, value: string, body: string[]): void {
  const { def, traits } = schema._zod;
  // z.email() and z.int() are a check themselves.
  const checks = (traits.has('$ZodCheck') ? [schema, ...(def.checks ?? [])] : (def.checks ?? [])) as $ZodChecks[];
  for (const check of checks) {
    const condition = conditionOf(check._zod.def, value, def.type === 'string');
    const asks = `!${program.constant(passes)}(${program.constant(check)}, ${value})`;
    body.push(`if (${condition === undefined ? asks : `${condition} && ${asks}`}) return INVALID;`);
  }
}

/**
 * When a check has to be asked; `undefined` for always.
 *
 * @throws `Uncompiled` for a check that calls what the application wrote, or changes the value
 */
function conditionOf(def: $ZodChecks['_zod']['def'], value: string, isText: boolean): string | undefined {
  if (def.when !== undefined && def.when !== HAS_LENGTH) throw new Uncompiled('a check with a condition');
  switch (def.check) {
    case 'min_length':
      // So many units of UTF-16 have as many characters at least.
      return atLeast(`${value}.length`, isText ? 2 * def.minimum - 1 : def.minimum);
    case 'max_length':
      return atMost(`${value}.length`, def.maximum);
    case 'length_equals':
    case 'multiple_of':
    case 'bigint_format':
      return undefined;
    case 'greater_than':
      return def.inclusive && typeof def.value === 'number' ? atLeast(value, def.value) : undefined;
    case 'less_than':
      return def.inclusive && typeof def.value === 'number' ? atMost(value, def.value) : undefined;
    case 'number_format':
      return def.format === 'safeint' || def.format === 'int32' ? `(${value} | 0) !== ${value}` : undefined;
    case 'string_format':
      if (changesOrCalls(def)) throw new Uncompiled(def.format);
      return undefined;
    default:
      throw new Uncompiled(def.check);
  }
}

const atLeast = (value: string, least: number): string | undefined =>
  Number.isSafeInteger(least) ? `!(${value} >= ${least})` : undefined;
const atMost = (value: string, most: number): string | undefined =>
  Number.isSafeInteger(most) ? `!(${value} <= ${most})` : undefined;

/** `z.url()` gives the address without blanks around it; `z.stringFormat()` may have a function of the application. */
function changesOrCalls(def: object): boolean {
  const { format, fn, pattern } = def as { format?: string; fn?: unknown; pattern?: RegExp };
  if (format === 'url') return true;
  return fn !== undefined && (pattern === undefined || pattern.global || pattern.sticky);
}

/** The condition that zod gives its own checks of lengths: that there is one. Another zod's is not known. */
const HAS_LENGTH: unknown = new $ZodCheckMinLength({ check: 'min_length', minimum: 0 })._zod.def.when;

interface Payload {
  value: unknown;
  readonly issues: unknown[];
}

const payload: Payload = { value: undefined, issues: [] };

/** Asks a check of zod, which waits for nothing and does not come here again: one payload serves all. */
function passes(check: { readonly _zod: { check(payload: Payload): unknown } }, value: unknown): boolean {
  payload.value = value;
  check._zod.check(payload);
  payload.value = undefined;
  if (payload.issues.length === 0) return true;
  payload.issues.length = 0;
  return false;
}
