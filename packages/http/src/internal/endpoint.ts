import { type Issue, issuesFromZod } from '@ent/errors';
import { isThenable } from '@ent/internal';
import { type Exchange, readCookie, type Reply } from '@ent/middleware';
import { httpErrors } from '../errors.ts';
import type { Guard, Route } from '../route.ts';
import { compileBody } from './body.ts';
import { refuseUnsayable } from './json-only.ts';
import { compileReader, type Parsed, type Parser } from './parser.ts';
import { fieldsOf, listFields, parseQuery } from './query.ts';
import { compileResponder, type Responder } from './responder.ts';
import { paramNames } from './router.ts';

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

const LOCATION = { params: 'path', query: 'query', headers: 'header', cookies: 'cookie', body: 'body' } as const;
const TEXTS = ['params', 'query', 'headers', 'cookies'] as const;

export function compileEndpoint(route: Route, options: { maxBodyBytes: number; maxBodyDepth: number }): Endpoint {
  checkParams(route);
  const name = `${route.method} ${route.path}`;
  const parsers = TEXTS.flatMap((part): PartParser[] => {
    const schema = route[part];
    if (schema === undefined) return [];
    refuseUnsayable(schema, 'input', `${name}: the schema of ${part}`);
    return [{ part, parse: compileReader(schema, true) }];
  });
  const maxBytes = route.maxBodyBytes ?? options.maxBodyBytes;
  const body = route.body && compileBody(route.body, { name, maxBytes, maxDepth: options.maxBodyDepth });
  if (body?.parse !== undefined) parsers.push({ part: 'body', parse: body.parse });
  const lists = listFields(route.query);
  const headerNames = Object.keys(fieldsOf(route.headers));
  const cookieNames = Object.keys(fieldsOf(route.cookies));
  const respond: Responder = compileResponder(route);
  const guards = (route.guards ?? []) as readonly Guard<unknown>[];

  const call = (input: Input): Reply | Promise<Reply> => {
    const result = route.handler(input as never);
    return result instanceof Promise
      ? result.then((late: unknown) => respond(late, input.exchange))
      : respond(result, input.exchange);
  };
  /** Without a promise where nothing waits: each is a turn of the queue. */
  const answer = (exchange: Exchange, params: Params, principal?: unknown, given?: unknown): Reply | Promise<Reply> => {
    const query = route.query && parseQuery(exchange.query, lists);
    const headers = route.headers && picked(headerNames, (header) => exchange.header(header));
    const cookies = route.cookies && picked(cookieNames, (cookie) => readCookie(exchange, cookie));
    const input: Input = { params, query, headers, cookies, body: given, principal, exchange };
    if (parsers.length === 0) return call(input);
    const valid = validate(input, parsers);
    return valid instanceof Promise ? valid.then(call) : call(valid);
  };
  const withBody: typeof answer =
    body === undefined
      ? answer
      : (exchange, params, principal) => body.read(exchange, (given) => answer(exchange, params, principal, given));
  const entered: typeof answer =
    respond.before.length === 0
      ? withBody
      : (exchange, params, principal) => {
          for (const refuse of respond.before) refuse(exchange);
          return withBody(exchange, params, principal);
        };
  /** From one of the guards on. */
  const guarded = (exchange: Exchange, params: Params, principal: unknown, at: number): Reply | Promise<Reply> => {
    for (let next = at; next < guards.length; next++) {
      const passed = (guards[next] as Guard<unknown>)(principal, { exchange, params });
      if (isThenable(passed)) {
        return Promise.resolve(passed).then(() => guarded(exchange, params, principal, next + 1));
      }
    }
    return entered(exchange, params, principal);
  };
  const { auth } = route;
  if (!auth) return { route, answer: guards.length === 0 ? entered : (x, params) => guarded(x, params, undefined, 0) };
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

/** An authenticator that found nobody and forgot to say so must not let anybody in. */
function known(principal: unknown): unknown {
  if (principal === undefined || principal === null) throw httpErrors.unauthenticated('The credentials are not valid.');
  return principal;
}

/** Checks every part, so that one answer lists every fault. Waits only where a schema does. */
function validate(input: Input, parsers: readonly PartParser[], issues: Issue[] = []): Input | Promise<Input> {
  for (let at = 0; at < parsers.length; at++) {
    const { part, parse } = parsers[at] as PartParser;
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

function picked(names: readonly string[], valueOf: (name: string) => string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = valueOf(name);
    if (value !== undefined) found[name] = value;
  }
  return found;
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
