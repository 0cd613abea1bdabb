import { type Issue, issuesFromZod } from '@ent/errors';
import { type Exchange, readJson, type Reply } from '@ent/middleware';
import { $ZodError, type $ZodType } from 'zod/v4/core';
import { httpErrors } from '../errors.ts';
import type { Authenticator, Guard, HandlerInput, Route } from '../route.ts';
import { refuseUnsayable } from './json-only.ts';
import { compileParser, type Parsed, type Parser } from './parser.ts';
import { fieldsOf, listFields, parseQuery } from './query.ts';
import { compileResponder, type Responder } from './responder.ts';
import { paramNames } from './router.ts';
import { isRequired } from './schema-parts.ts';
import { strict } from './strict.ts';

/** A route with everything that can be known at set-up worked out. */
export interface Endpoint {
  readonly route: Route;
  answer(exchange: Exchange, params: Readonly<Record<string, string>>): Promise<Reply>;
}

type Input = HandlerInput<unknown, unknown, unknown, unknown, unknown>;
type Part = 'params' | 'query' | 'headers' | 'body';

const LOCATION = { params: 'path', query: 'query', headers: 'header', body: 'body' } as const;

export function compileEndpoint(route: Route, options: { maxBodyBytes: number; maxBodyDepth: number }): Endpoint {
  checkParams(route);
  const name = `${route.method} ${route.path}`;
  for (const part of ['params', 'query', 'headers', 'body'] as const) {
    const schema = route[part];
    if (schema !== undefined) refuseUnsayable(schema, 'input', `${name}: the schema of ${part}`);
  }
  const parsers: Partial<Record<Part, Parser>> = {
    ...(route.params && { params: compileParser(strict(route.params, true)) }),
    ...(route.query && { query: compileParser(strict(route.query, true)) }),
    ...(route.headers && { headers: compileParser(strict(route.headers, true)) }),
    ...(route.body && { body: bodyParser(route.body) }),
  };
  const lists = listFields(route.query);
  const headerNames = Object.keys(fieldsOf(route.headers));
  const respond: Responder = compileResponder(route);
  const guards = (route.guards ?? []) as readonly Guard<unknown>[];
  const needsParsing = Object.keys(parsers).length > 0;
  const body = { maxBytes: route.maxBodyBytes ?? options.maxBodyBytes, maxDepth: options.maxBodyDepth };

  return {
    route,
    async answer(exchange, rawParams) {
      // Who calls comes first: nobody unknown makes us read a body or learns what a valid one looks like.
      const principal = route.auth ? await authenticate(route.auth, exchange) : undefined;
      for (const guard of guards) await guard(principal, { exchange, params: rawParams });
      const raw: Record<Part, unknown> = {
        params: rawParams,
        query: parsers.query && parseQuery(exchange.query, lists),
        headers: parsers.headers && pickHeaders(exchange, headerNames),
        body: parsers.body && (await readJson(exchange, body)),
      };
      const { params, query, headers, body: content } = needsParsing ? await validate(raw, parsers) : raw;
      const input: Input = { params, query, headers, body: content, principal, exchange };
      const result = route.handler(input as never);
      // Not waiting for what is there already spares a turn of the queue.
      return respond(result instanceof Promise ? await result : result, exchange);
    },
  };
}

/** `z.unknown()` would take no body for one. */
function bodyParser(schema: $ZodType): Parser {
  const parse = compileParser(strict(schema));
  return isRequired(schema) ? (body) => (body === undefined ? NO_BODY : parse(body)) : parse;
}

const NO_BODY: Parsed = {
  success: false,
  error: new $ZodError([
    { code: 'invalid_type', expected: 'nonoptional', path: [], input: undefined, message: 'A body is required' },
  ]),
};

/** An authenticator that found nobody and forgot to say so must not let anybody in. */
async function authenticate(auth: Authenticator<unknown>, exchange: Exchange): Promise<unknown> {
  const principal = await auth(exchange);
  if (principal === undefined || principal === null) throw httpErrors.unauthenticated('The credentials are not valid.');
  return principal;
}

/** Checks every part, so that one answer lists every fault. */
async function validate(
  raw: Record<Part, unknown>,
  parsers: Partial<Record<Part, Parser>>,
): Promise<Record<Part, unknown>> {
  let issues: Issue[] | undefined;
  const parsed = raw;
  for (const part of ['params', 'query', 'headers', 'body'] as const) {
    const parser = parsers[part];
    if (parser === undefined) continue;
    const outcome = parser(raw[part]);
    const result = outcome instanceof Promise ? await outcome : outcome;
    if (result.success) parsed[part] = result.data;
    else (issues ??= []).push(...issuesFromZod(result.error, { in: LOCATION[part] }));
  }
  if (issues !== undefined) throw httpErrors.invalid_request('The request is not valid; see "errors".', { issues });
  return parsed;
}

function pickHeaders(exchange: Exchange, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = exchange.header(name);
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}

function checkParams(route: Route): void {
  if (route.params === undefined) return;
  const wanted = paramNames(route.path);
  const described = Object.keys(fieldsOf(route.params));
  const missing = wanted.filter((name) => !described.includes(name));
  const unknown = described.filter((name) => !wanted.includes(name));
  if (missing.length === 0 && unknown.length === 0) return;
  throw httpErrors.invalid_route(
    `${route.method} ${route.path}: the params schema must have exactly the parameters of the path (${wanted.join(', ') || 'none'}).`,
  );
}
