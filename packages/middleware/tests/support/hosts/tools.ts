import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { currentContext, until } from '@ent/internal';
import {
  accessLog,
  cors,
  type Exchange,
  idempotency,
  memoryIdempotencyStore,
  type Middleware,
  type Outcome,
  problemTitles,
  rateLimit,
  type Reply,
  requestContext,
  requestId,
  securityHeaders,
  timeout,
} from '@ent/middleware';
import type { Features } from './host.ts';

/** What the access logs of all hosts have said at the level of errors. */
export const failures: Readonly<Record<string, unknown>>[] = [];

/** An exchange that is over, and what was known of it then. */
export interface Ended extends Outcome {
  readonly id: string;
  readonly route: string | undefined;
  readonly contextId: unknown;
}

/** What a client saw of an answer. */
export interface Seen {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

const OWN = {
  'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'cache-control': 'no-store',
  vary: 'Origin',
};

/** That an answer has the headers of all middlewares; `other` are those that the application had a word about. */
export function assertOwn(seen: Seen, id: string, other: Record<string, string | null> = {}): void {
  const expected: Record<string, string | null> = {
    ...OWN,
    'x-request-id': id,
    'x-mark': String(seen.status),
    ...other,
  };
  const found = Object.fromEntries(Object.keys(expected).map((name) => [name, seen.headers.get(name)]));
  assert.deepEqual(found, expected);
}

/** That an answer is a problem with this status and code, and says nothing of what happened inside. */
export function assertProblem(seen: Seen, status: number, code: string, detail?: string): void {
  assert.equal(seen.headers.get('content-type')?.split(';')[0], 'application/problem+json');
  const problem = JSON.parse(seen.text) as Record<string, unknown>;
  assert.deepEqual([seen.status, problem['status'], problem['code']], [status, status, code]);
  if (detail !== undefined) assert.equal(problem['detail'], detail);
  assert.doesNotMatch(seen.text, /secret|node_modules|\.ts/);
}

let asked = 0;
export const newId = (): string => `case-${++asked}`;

/** A connection to the host, of which each byte is the case's. */
export class Client {
  readonly socket: Socket;
  received = '';
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setEncoding('latin1').on('data', (data: string) => {
      this.received += data;
    });
    // A reset is an end like another.
    this.socket
      .on('error', () => {})
      .on('close', () => {
        this.closed = true;
      });
  }
  async send(text: string): Promise<void> {
    await new Promise((written) => this.socket.write(text, 'latin1', written));
  }
  /** Writes each byte by itself, and lets the host take it. */
  async drip(text: string): Promise<void> {
    for (const byte of text) {
      await this.send(byte);
      await new Promise(setImmediate);
    }
  }
  async sees(pattern: RegExp): Promise<void> {
    await until(() => pattern.test(this.received), `${pattern} in ${JSON.stringify(this.received.slice(0, 2000))}`);
  }
  async end(): Promise<string> {
    if (!this.closed) await once(this.socket, 'close');
    return this.received;
  }
  cut(): void {
    this.socket.destroy();
  }
}

/** What a case works with: a host that serves the application, and all that came to an end there. */
export class Tools {
  readonly features: Features;
  readonly port: number;
  readonly #ended: readonly Ended[];
  readonly #clients: Client[] = [];

  constructor(features: Features, port: number, ended: readonly Ended[]) {
    this.features = features;
    this.port = port;
    this.#ended = ended;
  }

  /** @param line method and path, such as `GET /text` */
  async ask(line: string, init: { id?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Seen> {
    const [method = 'GET', path = '/'] = line.split(' ');
    const { id, ...rest } = init;
    const headers = { ...rest.headers, ...(id === undefined ? undefined : { 'x-request-id': id }) };
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      redirect: 'manual',
      ...rest,
      method,
      headers,
    });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  }

  client(): Client {
    const client = new Client(this.port);
    this.#clients.push(client);
    return client;
  }

  /** Sends a text on a connection of its own and gives all that came until the host closed it. */
  async raw(text: string): Promise<string> {
    const client = this.client();
    await client.send(text);
    return client.end();
  }

  /** The end of the exchange with this id; fails when there is another. */
  async ended(id: string): Promise<Ended> {
    const found = (): Ended[] => this.#ended.filter((each) => each.id === id);
    await until(() => found().length > 0, `the end of ${id}`);
    assert.equal(found().length, 1);
    return found()[0] as Ended;
  }
  hasEnded(id: string): boolean {
    return this.#ended.some((each) => each.id === id);
  }

  /** That the host still answers. */
  async lives(): Promise<void> {
    assert.equal((await this.ask('GET /text')).status, 200);
  }

  closeAll(): void {
    for (const client of this.#clients) client.cut();
  }
}

/** What `before` answers at some paths. */
async function* early(): AsyncGenerator<string> {
  yield 'ear';
  yield 'ly';
}
function earlyReply(exchange: Exchange): Reply | undefined | Promise<Reply | undefined> {
  switch (exchange.path) {
    case '/early':
      return { status: 410, headers: { 'content-type': 'text/plain' }, body: 'early' };
    case '/early/late':
      return new Promise(setImmediate).then(() => ({
        status: 202,
        headers: { 'content-type': 'text/plain' },
        body: 'late',
      }));
    case '/early/stream':
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: early() };
    case '/early/304':
      return { status: 304, headers: { etag: '"1"' } };
    case '/early/throws':
      throw new Error('secret');
    case '/early/rejects':
      return Promise.reject(new Error('secret'));
    case '/early/bytes':
      return exchange.bytes(10).then((bytes) => ({
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: Buffer.from(bytes),
      }));
    default:
  }
  if (!exchange.path.endsWith('early-target')) return undefined;
  const { path, query, rawUrl, scheme } = exchange;
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ path, query, rawUrl, scheme }),
  };
}

const titles = problemTitles({
  titles: {
    de: { internal: 'Interner Fehler', not_found: 'Nicht gefunden', conflict: 'Widerspruch', bad_request: 'So nicht' },
  },
});

/** What a hook makes of an answer, in the way that the request asks for. */
function shaped(way: string | undefined, reply: Reply): Reply | undefined | Promise<Reply> {
  if (way === undefined) return undefined;
  if (way === 'throws') throw new Error('secret');
  const other = { ...reply, headers: { ...reply.headers, 'x-shaped': [way, 'twice'] } };
  if (way === 'late') return new Promise((resolve) => setImmediate(() => resolve(other)));
  const bytes = Buffer.from(typeof reply.body === 'string' ? reply.body : '');
  if (way === 'bytes') return { ...other, body: new Uint8Array(bytes) };
  return way === 'stream' ? { ...other, body: Readable.from([bytes]) } : other;
}

/** The middlewares of each host; their ends are noted in the list. */
export function middlewares(ended: Ended[]): Middleware[] {
  const header = (exchange: Exchange, name: string): boolean => exchange.header(name) !== undefined;
  return [
    requestId(),
    requestContext(),
    {
      name: 'ended',
      done: (exchange, outcome) =>
        void ended.push({
          ...outcome,
          id: exchange.id,
          route: exchange.route,
          contextId: currentContext()?.['requestId'],
        }),
    },
    accessLog({ info() {}, error: (_message, fields) => void failures.push(fields) }),
    { name: 'marks', head: (_exchange, status, headers) => headers.set('x-mark', String(status)) },
    {
      name: 'fails',
      head(exchange, _status, headers) {
        if (header(exchange, 'x-head-throws')) throw new Error('secret');
        if (header(exchange, 'x-head-bad')) headers.set('x-bad', 'a\nb');
        if (header(exchange, 'x-head-deletes')) headers.delete('x-own');
      },
      done(exchange) {
        if (header(exchange, 'x-done-throws')) throw new Error('secret');
      },
    },
    { name: 'shapes', reply: (exchange, reply) => shaped(exchange.header('x-shape'), reply) },
    {
      name: 'titles',
      reply: (exchange, reply) => (header(exchange, 'x-titles') ? titles.reply?.(exchange, reply) : undefined),
    },
    securityHeaders(),
    cors({ origins: ['https://app.example.com'] }),
    rateLimit({ limit: 2, window: '1h', name: 'cases', key: (exchange) => exchange.header('x-limit') }),
    { name: 'early', before: earlyReply },
    timeout('1h', { header: 'x-wait-ms' }),
    idempotency({ store: memoryIdempotencyStore(), maxBytes: 10_000, lease: '200ms' }),
    {
      name: 'no-run',
      context(exchange, run) {
        if (!header(exchange, 'x-no-run')) run();
      },
    },
  ];
}
