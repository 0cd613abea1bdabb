import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFetchHandler } from '@ent/middleware/fetch';
import { compression } from '@ent/middleware/compression';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { eventually, listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import {
  createHandler,
  createListener,
  createServer,
  drain,
  eventStream,
  type EventStreamOptions,
  type HandlerInput,
  lastEventId,
  type ListenerOptions,
  type Route,
  reply,
  route,
  type ServerSentEvent,
} from '../src/index.ts';
import { openapi } from '../src/openapi.ts';

type Events = AsyncIterable<ServerSentEvent>;
type Make = (input: Pick<HandlerInput<unknown, unknown, unknown, unknown, unknown>, 'exchange'>) => Events;

const streamOf = (make: Make, options: EventStreamOptions = {}): Route =>
  route({ method: 'GET', path: '/', responses: { 200: eventStream(options) }, handler: (input) => make(input) });

async function start(routes: Route | Route[], options?: ListenerOptions): Promise<Served> {
  const served = await listen(createServer(createListener([routes].flat(), options)));
  onTestFinished(() => stop(served.server));
  return served;
}

async function* listed(events: readonly ServerSentEvent[]): AsyncGenerator<ServerSentEvent> {
  yield* events;
}

/** A source that notes what happens to it, and gives what it is told to. */
class Source implements AsyncIterableIterator<ServerSentEvent> {
  returned = 0;
  asked = 0;
  #waiting: ((result: IteratorResult<ServerSentEvent>) => void)[] = [];
  [Symbol.asyncIterator](): this {
    return this;
  }
  next(): Promise<IteratorResult<ServerSentEvent>> {
    this.asked++;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
  give(value: ServerSentEvent): void {
    this.#waiting.shift()?.({ done: false, value });
  }
  async return(): Promise<IteratorResult<ServerSentEvent>> {
    this.returned++;
    return { done: true, value: undefined };
  }
}

async function open(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage & { text: string }> {
  const [incoming] = (await once(get(url, { headers, agent: false }), 'response')) as [IncomingMessage];
  const stream = Object.assign(incoming, { text: '' });
  incoming.setEncoding('utf8');
  incoming.on('data', (chunk: string) => (stream.text += chunk));
  incoming.on('error', () => {});
  return stream;
}

describe('eventStream', () => {
  it('sends events as the standard has them', async () => {
    const { url } = await start(
      streamOf(() =>
        listed([
          { data: 'one' },
          { event: 'note', id: '7', data: 'a\nb\r\nc\rd', retry: '2s' },
          { data: '' },
          { data: ' led by a space, grüße 😀\n' },
          { data: '\ufeffmark' },
          { id: '' },
        ]),
      ),
    );
    const answer = await fetch(url);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    expect(Buffer.from(await answer.arrayBuffer()).toString()).toBe(
      [
        ':\n\n',
        'data: one\n\n',
        'event: note\nid: 7\nretry: 2000\ndata: a\ndata: b\ndata: c\ndata: d\n\n',
        'data: \n\n',
        'data:  led by a space, grüße 😀\ndata: \n\n',
        'data: \ufeffmark\n\n',
        'id: \n\n',
      ].join(''),
    );
  });

  it('sends data as JSON by its schema', async () => {
    const typed = route({
      method: 'GET',
      path: '/',
      responses: { 200: eventStream({ data: z.object({ n: z.int() }), retry: 500 }) },
      async *handler() {
        yield { data: { n: 1, secret: 'stays here' } };
      },
    });
    const { url } = await start(typed);
    expect(await (await fetch(url)).text()).toBe('retry: 500\n\ndata: {"n":1}\n\n');
  });

  it.each<[string, ServerSentEvent]>([
    ['an id with a line break', { id: 'a\nb' }],
    ['an id with NUL', { id: '\0' }],
    ['a type with a line break', { event: 'a\rdata: forged' }],
    ['data that is no text', { data: 5 as never }],
    ['no event', null as never],
    ['a retry that is no time', { retry: 'soon' }],
  ])('cuts the connection for %s', async (_name, event) => {
    const errors: unknown[] = [];
    const noting = { name: 'noting', done: (_x: unknown, { error }: { error: unknown }) => void errors.push(error) };
    const { url } = await start(
      streamOf(() => listed([{ data: 'before' }, event])),
      { middleware: [noting] },
    );
    const stream = await open(url);
    await new Promise((done) => stream.once('close', done));
    expect([stream.complete, stream.text]).toEqual([false, expect.not.stringContaining('forged')]);
    await eventually(() => expect(errors).toMatchObject([{ code: 'http.response_invalid' }]));
  });

  it('answers with its head before there is an event, and sends comments while there is none', async () => {
    const source = new Source();
    const { url } = await start(streamOf(() => source, { heartbeat: 20 }));
    const stream = await open(url);
    await eventually(() => expect(stream.text).toMatch(/^(?::\n\n){3,}$/));
    source.give({ data: 'at last' });
    await eventually(() => expect(stream.text).toContain('data: at last\n\n'));
    stream.destroy();
  });

  it('sends each event at once through compression', async () => {
    const source = new Source();
    const { port } = await start(
      streamOf(() => source),
      { middleware: [compression()] },
    );
    const url = `http://127.0.0.1:${port}`;
    const answer = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (const word of ['one', 'two']) {
      await eventually(() => expect(source.asked).toBe(word === 'one' ? 1 : 2));
      source.give({ data: word });
      while (!text.includes(word)) text += (await reader.read()).value ?? '';
    }
    await reader.cancel();
    await eventually(() => expect(source.returned).toBe(1));
  });

  it('tells the source at once that the client is gone, and aborts the signal', async () => {
    const source = new Source();
    const aborted = Promise.withResolvers<unknown>();
    const { url } = await start(
      streamOf(({ exchange }) => {
        exchange.signal.addEventListener('abort', () => aborted.resolve(exchange.signal.reason));
        return source;
      }),
    );
    const stream = await open(url);
    await eventually(() => expect([source.asked, stream.text]).toEqual([1, ':\n\n']));
    stream.destroy();
    expect(await aborted.promise).toMatchObject({ code: 'middleware.request_aborted' });
    await eventually(() => expect(source.returned).toBe(1));
    expect(source.asked).toBe(1);
  });

  it('ends a generator that waits with the signal, and notes no error of it', async () => {
    let ended = false;
    const outcomes: { error: unknown }[] = [];
    const { url } = await start(
      streamOf(async function* ({ exchange }) {
        try {
          await sleep(2 ** 30, undefined, { signal: exchange.signal });
          yield { data: 'never' };
        } finally {
          ended = true;
        }
      }),
      { middleware: [{ name: 'outcomes', done: (_x, outcome) => void outcomes.push(outcome) }] },
    );
    const stream = await open(url);
    await eventually(() => expect(stream.text).toBe(':\n\n'));
    stream.destroy();
    await eventually(() => expect(ended).toBe(true));
    await eventually(() => expect(outcomes).toMatchObject([{ status: 200, aborted: true, error: undefined }]));
  });

  it('makes the source wait for a client that does not read', async () => {
    let given = 0;
    const data = 'x'.repeat(64 * 1024);
    const { port } = await start(
      streamOf(
        async function* () {
          for (;;) {
            given++;
            yield { data };
          }
        },
        { heartbeat: 5 },
      ),
    );
    const socket: Socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    socket.pause();
    // What the kernel holds is some megabytes; then it stands still, and comments do not pile up either.
    const seen: number[] = [];
    await eventually(() => {
      seen.push(given);
      expect(given).toBeGreaterThan(0);
      expect(new Set(seen.slice(-20))).toEqual(new Set([seen.at(-21)]));
    });
    expect(given * data.length).toBeLessThan(64 * 1024 * 1024);
    const before = given;
    socket.on('data', () => {});
    socket.resume();
    await eventually(() => expect(given).toBeGreaterThan(before + 100));
  });

  it('lets a client go on where it was', async () => {
    const counting = streamOf(({ exchange }) => {
      const from = Number(lastEventId(exchange)?.replace('ü', '') ?? 0);
      return listed([1, 2, 3].map((n) => ({ id: `ü${n}`, data: String(n) })).slice(from));
    });
    const { url } = await start(counting);
    expect(await (await fetch(url)).text()).toContain('data: 1\n');
    const id = Buffer.from('ü2').toString('latin1');
    const { text } = await (async () => {
      const stream = await open(url, { 'last-event-id': id });
      await once(stream, 'end');
      return stream;
    })();
    expect(text).toBe(':\n\nid: ü3\ndata: 3\n\n');
    expect(lastEventId({ header: () => '' })).toBeUndefined();
  });

  it('ends when the server is drained, so that clients connect again', async () => {
    const source = new Source();
    const aborted = Promise.withResolvers<unknown>();
    const { server, url } = await start(
      streamOf(({ exchange }) => {
        exchange.signal.addEventListener('abort', () => aborted.resolve(exchange.signal.reason));
        return source;
      }),
    );
    const stream = await open(url);
    await eventually(() => expect(source.asked).toBe(1));
    const ended = once(stream, 'end');
    expect(await drain(server, { grace: 0, deadline: '60s' })).toEqual({ cut: 0 });
    await ended;
    expect([stream.complete, source.returned]).toEqual([true, 1]);
    expect(await aborted.promise).toMatchObject({ code: 'http.draining' });
  });

  it('closes the source for HEAD, and when a client is sent away', async () => {
    const source = new Source();
    const done = route({
      method: 'GET',
      path: '/done',
      responses: { 200: eventStream(), 204: {} },
      handler: () => reply(204),
    });
    const { url } = await start([streamOf(() => source), done]);
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    await eventually(() => expect(source.returned).toBe(1));
    expect((await fetch(`${url}/done`)).status).toBe(204);
  });

  it('works the same on a fetch host', async () => {
    const source = new Source();
    const handler = createFetchHandler(createHandler([streamOf(() => source)]));
    const leaving = new AbortController();
    const answer = await handler(new Request('http://localhost/', { signal: leaving.signal }));
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const read = async (): Promise<string> => Buffer.from((await reader.read()).value ?? []).toString();
    expect(await read()).toBe(':\n\n');
    const next = read();
    await eventually(() => expect(source.asked).toBe(1));
    source.give({ data: 'one' });
    expect(await next).toBe('data: one\n\n');
    await reader.cancel();
    await eventually(() => expect(source.returned).toBe(1));
  });

  it('refuses a mistake at set-up, and what is no iterable', async () => {
    const code = 'http.invalid_options';
    expect(() => eventStream({ heartbeat: 'soon' })).toThrow(expect.objectContaining({ code }));
    expect(() => eventStream({ retries: 1 } as never)).toThrow(expect.objectContaining({ code }));
    expect(() => eventStream({ data: {} as never })).toThrow(expect.objectContaining({ code }));
    const at201 = { method: 'GET', path: '/', responses: { 201: eventStream() }, handler: () => listed([]) } as const;
    expect(() => createListener([route(at201)])).toThrow(expect.objectContaining({ code: 'http.invalid_route' }));
    const { url } = await start(streamOf(() => [] as never));
    expect((await fetch(url)).status).toBe(500);
    const { paths } = openapi([streamOf(() => listed([]))], { title: 'a', version: '1' });
    expect(paths['/']?.['get']).toMatchObject({
      responses: { 200: { description: 'Server-sent events', content: { 'text/event-stream': {} } } },
    });
  });
});
