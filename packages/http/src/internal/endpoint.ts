import { type Issue, issuesFromZod } from '@ent/errors';
import { isThenable } from '@ent/internal';
import { type Exchange, readJson, type Reply } from '@ent/middleware';
import { $ZodError, type $ZodType } from 'zod/v4/core';
import { httpErrors } from '../errors.ts';
import type { Guard, Route } from '../route.ts';
import { refuseUnsayable } from './json-only.ts';
import { compileReader, type Parsed, type Parser } from './parser.ts';
import { fieldsOf, listFields, parseQuery } from './query.ts';
import { compileResponder, type Responder } from './responder.ts';
import { paramNames } from './router.ts';
import { isRequired } from './schema-parts.ts';

/** A route with everything that can be known at set-up worked out. */
export interface Endpoint {
  readonly route: Route;
  answer(exchange: Exchange, params: Params): Reply | Promise<Reply>;
}

type Params = Readonly<Record<string, string>>;
type Part = keyof typeof LOCATION;

/** What a handler gets, while it is put together. */
interface Input extends Record<Part, unknown> {
  readonly principal: unknown;
  readonly exchange: Exchange;
}

interface PartParser {
  readonly part: Part;
  readonly parse: Parser;
}

const LOCATION = { params: 'path', query: 'query', headers: 'header', body: 'body' } as const;
const PARTS = Object.keys(LOCATION) as readonly Part[];

export function compileEndpoint(route: Route, options: { maxBodyBytes: number; maxBodyDepth: number }): Endpoint {
  checkParams(route);
  const name = `${route.method} ${route.path}`;
  for (const part of PARTS) {
    const schema = route[part];
    if (schema !== undefined) refuseUnsayable(schema, 'input', `${name}: the schema of ${part}`);
  }
  const parsers = PARTS.flatMap((part) => {
    const schema = route[part];
    if (schema === undefined) return [];
    return [{ part, parse: part === 'body' ? bodyParser(schema) : compileReader(schema, true) }];
  });
  const lists = listFields(route.query);
  const headerNames = Object.keys(fieldsOf(route.headers));
  const respond: Responder = compileResponder(route);
  const guards = (route.guards ?? []) as readonly Guard<unknown>[];
  const bodyLimits = { maxBytes: route.maxBodyBytes ?? options.maxBodyBytes, maxDepth: options.maxBodyDepth };

  const call = (input: Input): Reply | Promise<Reply> => {
    const result = route.handler(input as never);
    return result instanceof Promise
      ? result.then((late: unknown) => respond(late, input.exchange))
      : respond(result, input.exchange);
  };
  /** Without a promise where nothing waits: each is a turn of the queue. */
  const answer = (exchange: Exchange, params: Params, principal?: unknown, body?: unknown): Reply | Promise<Reply> => {
    const query = route.query && parseQuery(exchange.query, lists);
    const headers = route.headers && pickHeaders(exchange, headerNames);
    const input: Input = { params, query, headers, body, principal, exchange };
    if (parsers.length === 0) return call(input);
    const valid = validate(input, parsers);
    return valid instanceof Promise ? valid.then(call) : call(valid);
  };
  const withBody: typeof answer =
    route.body === undefined
      ? answer
      : (exchange, params, principal) =>
          readJson(exchange, bodyLimits, (body) => answer(exchange, params, principal, body));
  /** From one of the guards on. */
  const guarded = (exchange: Exchange, params: Params, principal: unknown, at: number): Reply | Promise<Reply> => {
    for (let next = at; next < guards.length; next++) {
      const passed = (guards[next] as Guard<unknown>)(principal, { exchange, params });
      if (isThenable(passed)) {
        return Promise.resolve(passed).then(() => guarded(exchange, params, principal, next + 1));
      }
    }
    return withBody(exchange, params, principal);
  };
  const { auth } = route;
  if (!auth) return { route, answer: guards.length === 0 ? withBody : (x, params) => guarded(x, params, undefined, 0) };
  return {
    route,
    answer(exchange, params) {
      // Who calls comes first: nobody unknown makes us read a body or learns what a valid one looks like.
      const principal = auth(exchange);
      return isThenable(principal)
        ? Promise.resolve(principal).then((late) => guarded(exchange, params, known(late), 0))
        : guarded(exchange, params, known(principal), 0);
    },
  };
}

/** `z.unknown()` would take no body for one. */
function bodyParser(schema: $ZodType): Parser {
  const parse = compileReader(schema, false);
  return isRequired(schema) ? (body) => (body === undefined ? NO_BODY : parse(body)) : parse;
}

const NO_BODY: Parsed = {
  success: false,
  error: new $ZodError([
    { code: 'invalid_type', expected: 'nonoptional', path: [], input: undefined, message: 'A body is required' },
  ]),
};

/** An authenticator that found nobody and forgot to say so must not let anybody in. */
function known(principal: unknown): unknown {
  if (principal === undefined || principal === null) throw httpErrors.unauthenticated('The credentials are not valid.');
  return principal;
}

/** Checks every part, so that one answer lists every fault. Waits only where a schema does. */
function validate(input: Input, parsers: readonly PartParser[], issues: Issue[] = []): Input | Promise<Input> {
  for (const [at, { part, parse }] of parsers.entries()) {
    const outcome = parse(input[part]);
    if (outcome instanceof Promise) return validateLate(input, parsers.slice(at), outcome, issues);
    if (outcome.success) input[part] = outcome.data;
    else issues.push(...issuesFromZod(outcome.error, { in: LOCATION[part] }));
  }
  if (issues.length === 0) return input;
  throw httpErrors.invalid_request('The request is not valid; see "errors".', { issues });
}

/** Goes on where the first part waits; the others do not wait for it. */
async function validateLate(
  input: Input,
  parsers: readonly PartParser[],
  first: Promise<Parsed>,
  issues: Issue[],
): Promise<Input> {
  const outcomes = parsers.map(async ({ part, parse }, at) => (at === 0 ? first : parse(input[part])));
  const late = await Promise.all(outcomes);
  const settled = parsers.map(({ part }, at) => ({ part, parse: () => late[at] as Parsed }));
  return validate(input, settled, issues);
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
