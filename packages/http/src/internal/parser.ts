import { $ZodAsyncError, type $ZodType, safeParse, safeParseAsync, type util } from 'zod/v4/core';

export type Parsed = util.SafeParseResult<unknown>;

/** Parses with a schema; gives a promise only when the schema has something asynchronous in it. */
export type Parser = (value: unknown) => Parsed | Promise<Parsed>;

export function compileParser(schema: $ZodType): Parser {
  let asynchronous = false;
  return (value) => {
    if (!asynchronous) {
      try {
        return safeParse(schema, value);
      } catch (error) {
        // zod cannot tell beforehand whether a refinement is async; it says so by this error, once.
        if (!(error instanceof $ZodAsyncError)) throw error;
        asynchronous = true;
      }
    }
    return safeParseAsync(schema, value);
  };
}
