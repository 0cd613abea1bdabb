import { readJson } from '@ent/middleware';
import { $ZodError, type $ZodType } from 'zod/v4/core';
import { type BodyLimits, type BodyReading, isRouteBody, kindOfBody, type RouteBody } from '../body.ts';
import { refuseUnsayable } from './json-only.ts';
import { compileReader, type Parsed, type Parser } from './parser.ts';
import { isRequired } from './schema-parts.ts';

/** The body of a route with everything that can be known at set-up worked out. A schema alone is one of JSON. */
export function compileBody(body: $ZodType | RouteBody<unknown>, limits: BodyLimits): BodyReading {
  if (isRouteBody(body)) return kindOfBody(body).compile(limits);
  refuseUnsayable(body, 'input', `${limits.name}: the schema of body`);
  const { maxBytes, maxDepth } = limits;
  const json = Object.freeze({ maxBytes, maxDepth });
  return { read: (exchange, use) => readJson(exchange, json, use), parse: demanding(body, compileReader(body, false)) };
}

/** Refuses a body that is not there, where there has to be one: `z.unknown()` would take none for one. */
export function demanding(schema: $ZodType, parse: Parser): Parser {
  return isRequired(schema) ? (body) => (body === undefined ? NO_BODY : parse(body)) : parse;
}

const NO_BODY: Parsed = {
  success: false,
  error: new $ZodError([
    { code: 'invalid_type', expected: 'nonoptional', path: [], input: undefined, message: 'A body is required' },
  ]),
};
