import { $ZodRealError, type $ZodType, type $ZodTypes, config, safeParse, util } from 'zod/v4/core';
import { compileInput } from './compiled/compile.ts';
import { INVALID } from './compiled/program.ts';
import { hasPart } from './schema-parts.ts';
import { strict } from './strict.ts';

export type Parsed = util.SafeParseResult<unknown>;

/** Parses with a schema; gives a promise only when the schema has something asynchronous in it. */
export type Parser = (value: unknown) => Parsed | Promise<Parsed>;

/**
 * A function of the application may be asynchronous, which shows only when it is called. zod's
 * synchronous parse then fails and drops the promise, whose rejection would end the process; so it
 * is for the schemas that have no such function.
 */
export function compileParser(schema: $ZodType): Parser {
  if (!hasPart(schema, callsFunction)) return (value) => safeParse(schema, value);
  return (value) => {
    const context = { async: true };
    const result = schema._zod.run({ value, issues: [] }, context);
    return result instanceof Promise ? result.then(settle) : settle(result);
  };
}

/**
 * Parses a part of a request, see {@link strict}. What a compiled schema takes is done with; anything else goes to zod,
 * which says what is wrong.
 */
export function compileReader(schema: $ZodType, text: boolean): Parser {
  const tight = strict(schema, text);
  const [parse, compiled] = [compileParser(tight), compileInput(tight, text)];
  if (compiled === undefined) return parse;
  return (value) => {
    const data = compiled(value);
    return data === INVALID ? parse(value) : { success: true, data };
  };
}

type Result = Awaited<ReturnType<$ZodType['_zod']['run']>>;

function settle({ value, issues }: Result): Parsed {
  if (issues.length === 0) return { success: true, data: value };
  const finalized = issues.map((issue) => util.finalizeIssue(issue, { async: true }, config()));
  return { success: false, error: new $ZodRealError(finalized) };
}

/** Whether a schema itself calls what the application wrote, and waits for it. */
function callsFunction({ _zod: { def } }: $ZodTypes): boolean {
  if (WITHOUT_FUNCTION.has(def.type))
    return (def.checks ?? []).some(({ _zod: check }) => !OWN_CHECKS.has(check.def.check));
  return def.type !== 'pipe' || 'transform' in def;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

const WITHOUT_FUNCTION = words(
  'string number boolean bigint symbol undefined null any unknown never void date array object union intersection tuple record map ' +
    'set enum literal file nan nullable optional nonoptional success default prefault catch readonly template_literal lazy',
);

/** The checks of zod: they look, and call nobody. */
const OWN_CHECKS = words(
  'less_than greater_than multiple_of number_format bigint_format string_format mime_type max_size min_size size_equals max_length ' +
    'min_length length_equals overwrite describe metadata',
);
