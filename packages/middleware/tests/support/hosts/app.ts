// What the application of each row answers. Each writes it in the way of its framework; the words and sources are here.
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { NotFoundError, RateLimitedError } from '@ent/errors';
import { currentContext } from '@ent/internal';
import { type Exchange, readJson, type Reply } from '@ent/middleware';

/** Most bytes of a body that the application parses. */
export const LIMIT = 100_000;
export const TEXT = 'grüße';
export const BYTES: Buffer = Buffer.from([0, 128, 255]);
export const COOKIES = ['a=1; Path=/', 'b=2; Path=/'];
/** What an application says for itself, against the security headers. */
export const FRAMED = { 'x-frame-options': 'SAMEORIGIN', 'cache-control': 'public, max-age=60', vary: 'Accept' };
export const PLAIN = 'text/plain; charset=utf-8';
export const OCTETS = 'application/octet-stream';
export const BIG = 4 * 1024 * 1024;

/** What is thrown at a path. */
export function failureAt(path: string): Error {
  if (path === '/known') return new NotFoundError('There is no such user.');
  if (path === '/limited') return new RateLimitedError('Not so fast.', { retryAfterMs: 2000 });
  return new Error('secret');
}

export async function* abc(): AsyncGenerator<Buffer> {
  for (const letter of ['a', 'b', 'c']) yield Buffer.from(letter);
}

export async function* big(bytes = BIG): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < bytes; sent += 65_536) yield Buffer.alloc(65_536, 'x');
}

/** More than any kernel holds for a client that does not read: some tens of megabytes. */
export const huge = (): AsyncGenerator<Buffer> => big(1024 * 1024 * 1024);

const gates = new Map<string, () => void>();
export const closed: string[] = [];

/** Gives "first", and "second" when the gate of that name is opened; notes when it was closed. */
export async function* gated(name: string): AsyncGenerator<Buffer> {
  try {
    yield Buffer.from('first');
    await new Promise<void>((resolve) => gates.set(name, resolve));
    yield Buffer.from('second');
  } finally {
    closed.push(name);
  }
}

/** Gives "half", and fails when the gate of that name is opened. */
export async function* half(name: string): AsyncGenerator<Buffer> {
  yield Buffer.from('half');
  await new Promise<void>((resolve) => gates.set(name, resolve));
  throw new Error('disk gone');
}

export const isShut = (name: string): boolean => gates.has(name);
export const open = (name: string): void => gates.get(name)?.();

/** A stream of node for a framework that takes one. It closes its generator when it is destroyed. */
export function stream(source: AsyncGenerator<Buffer>): Readable {
  return Readable.from(source, { objectMode: false });
}

/** Who waits at `/never`, by the name in its query, and whether they were told that the client left. */
export const waiting = new Map<string, AbortSignal>();

export async function never(exchange: Exchange | undefined): Promise<void> {
  if (exchange === undefined) throw new Error('the exchange is not known to the application');
  waiting.set(exchange.query, exchange.signal);
  if (!exchange.signal.aborted) await once(exchange.signal, 'abort');
}

/** Waits for the gate of that name, and gives what it came to. */
export async function slow(name: string): Promise<string> {
  if (name === 'fails') throw failureAt('/throw');
  if (name === 'gone') throw failureAt('/known');
  await new Promise<void>((resolve) => gates.set(name, resolve));
  return 'done';
}

/** The id that the asynchronous context has, some turns later. */
export async function contextId(): Promise<string> {
  await new Promise(setImmediate);
  return String(currentContext()?.['requestId']);
}

const text = (body: string): Reply => ({ status: 200, headers: { 'content-type': PLAIN }, body });

/** The application, for hosts whose handlers give replies: a router of one function. */
export async function replies(exchange: Exchange): Promise<Reply> {
  const { method, path } = exchange;
  const get = method === 'GET' || method === 'HEAD';
  exchange.route = patternOf(path);
  if (path.startsWith('/json/') && get) {
    const id = decodeURIComponent(path.slice('/json/'.length));
    return {
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ id }),
    };
  }
  const nested = /^\/nested\/([^/]+)\/deep\/([^/]+)$/.exec(path);
  if (nested !== null) return text(`${nested[1]} ${nested[2]}`);
  switch (path) {
    case '/text':
      return { status: 200, headers: { 'content-type': PLAIN, 'x-own': '1' }, body: TEXT };
    case '/bytes':
      return { status: 200, headers: { 'content-type': OCTETS }, body: BYTES };
    case '/empty':
      return { status: 204 };
    case '/cookies':
      return { status: 200, headers: { 'content-type': PLAIN, 'set-cookie': COOKIES }, body: 'two' };
    case '/redirect':
      return { status: 302, headers: { location: '/text' } };
    case '/framed':
      return { status: 200, headers: { 'content-type': PLAIN, ...FRAMED }, body: 'framed' };
    case '/stream':
      return { status: 200, headers: { 'content-type': PLAIN }, body: abc() };
    case '/big':
      return { status: 200, headers: { 'content-type': OCTETS }, body: big() };
    case '/huge':
      return { status: 200, headers: { 'content-type': OCTETS }, body: huge() };
    case '/half':
      return { status: 200, headers: { 'content-type': PLAIN }, body: half(exchange.query) };
    case '/gate':
      return { status: 200, headers: { 'content-type': PLAIN }, body: gated(exchange.query) };
    case '/slow':
      return text(await slow(exchange.query));
    case '/never':
      await never(exchange);
      return { status: 204 };
    case '/reject':
      await new Promise(setImmediate);
      throw failureAt(path);
    case '/context':
      if (!get) await readJson(exchange);
      return text(await contextId());
    case '/id':
      return text(exchange.id);
    case '/peer':
      return text(exchange.peer);
    case '/echo':
      return { status: 200, headers: { 'content-type': OCTETS }, body: Buffer.from(await exchange.bytes(LIMIT)) };
    case '/parsed':
      return {
        status: 200,
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body: JSON.stringify(await readJson(exchange, { maxBytes: LIMIT })),
      };
    case '/throw':
    case '/known':
    case '/limited':
    case '/nested/1/fail':
      throw failureAt(path);
    case '/busy':
      throw Object.assign(new Error('busy'), { status: 409, expose: true });
    case '/encoded':
      throw failureAt('/throw');
    default:
      exchange.route = undefined;
      throw new NotFoundError('There is nothing at this path.');
  }
}

function patternOf(path: string): string {
  if (path.startsWith('/json/')) return '/json/:id';
  if (!path.startsWith('/nested/')) return path;
  return path.endsWith('/fail') ? '/nested/:a/fail' : '/nested/:a/deep/:b';
}

/** The query of a request, as it was sent. */
export const queryOf = ({ url }: { readonly url: string }): string => url.split('?')[1] ?? '';
