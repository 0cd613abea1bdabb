import { type Duration, durationOption } from '@ent/internal';
import { isRouteBody } from '../body.ts';
import { httpErrors } from '../errors.ts';
import { demandCount } from './demand.ts';

const METHODS: ReadonlySet<unknown> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Refuses a route that is none, which JavaScript can give: one without a handler would fail at its first request, and
 * guards that are no list of functions would let everybody in.
 */
export function checkRoute(given: unknown): void {
  if (typeof given !== 'object' || given === null) throw httpErrors.invalid_route('A route is what route() gives.');
  const { method, path, responses, handler, auth, guards, maxBodyBytes, timeout, ...rest } = given as Record<
    string,
    unknown
  >;
  const name = `${String(method)} ${String(path)}`;
  const demand = (holds: boolean, what: string): void => {
    if (!holds) throw httpErrors.invalid_route(`${name}: ${what}.`);
  };
  demand(METHODS.has(method), `method must be one of ${[...METHODS].join(', ')}`);
  demand(typeof path === 'string', 'path must be a text');
  demand(typeof handler === 'function', 'handler must be a function');
  demand(typeof responses === 'object' && responses !== null, 'responses must be an object of answers by status');
  demand(auth === undefined || auth === false || typeof auth === 'function', 'auth must be a function, or false');
  demand(guards === undefined || isListOfFunctions(guards), 'guards must be a list of functions');
  for (const part of ['params', 'query', 'headers', 'cookies', 'body']) {
    const holds = rest[part] === undefined || isSchemaLike(rest[part]) || (part === 'body' && isRouteBody(rest[part]));
    demand(holds, `${part} must be a schema of zod${part === 'body' ? ', or what formBody() and the like make' : ''}`);
  }
  if (maxBodyBytes !== undefined) demandCount(maxBodyBytes, `${name}: maxBodyBytes`, httpErrors.invalid_route);
  if (timeout !== undefined) durationOption(timeout as Duration, `${name}: timeout`, httpErrors.invalid_route);
}

function isListOfFunctions(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'function');
}

function isSchemaLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '_zod' in value;
}
