import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { titleOf } from '@ent/internal';
import { type Exchange, type HeaderBag, securityHeaders } from '@ent/middleware';
import { httpErrors } from '../errors.ts';

/** What is written by the server itself, since no listener gets to see the request: a problem like any other. */
export function answer(res: ServerResponse, status: number): void {
  res.shouldKeepAlive = false;
  // A handler that writes by itself may still be at work, and writes after the end then.
  res.on('error', () => {});
  const body = problem(status);
  res.writeHead(status, { ...headers(), 'content-length': Buffer.byteLength(body) });
  res.end(body);
}

/** The same answer where node has no response object. */
export function refusal(status: number): string {
  const body = problem(status);
  const fields = {
    date: new Date().toUTCString(),
    ...headers(),
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${titleOf(status)}`, ...lines, '', body].join('\r\n');
}

function problem(status: number): string {
  return JSON.stringify(httpErrors.malformed_request('This is not a request that can be understood.', { status }));
}

function headers(): Record<string, string> {
  return { ...SECURITY, 'content-type': 'application/problem+json', 'x-request-id': randomUUID() };
}

/**
 * Those of every answer. HSTS is not among them: it is the application's to promise, and one answer would be enough.
 */
const SECURITY = (() => {
  const fixed: Record<string, string> = {};
  const bag: HeaderBag = {
    has: () => false,
    get: () => undefined,
    set: (name, value) => void (fixed[name] = value),
    append: () => {},
    delete: () => {},
  };
  securityHeaders({ override: { 'strict-transport-security': false } }).head?.({} as Exchange, 400, bag);
  return fixed;
})();
