// What only a fetch host has: requests and responses that are made in the process, and what a Request does not know.
import { Readable } from 'node:stream';
import {
  channels,
  hasBody,
  type Middleware,
  type Outcome,
  readJson,
  type Reply,
  requestId,
  type RequestOperation,
} from '@ent/middleware';
import {
  createFetchHandler,
  type FetchExchange,
  type FetchHandler,
  type FetchHostOptions,
} from '@ent/middleware/fetch';
import { describe, expect, it, onTestFinished } from 'vitest';
import { failsToClose, ODD_REPLIES } from '../support/odd-replies.ts';
import { eventually } from '../support/serve.ts';

const URL_OF = 'http://host.test';
const marks: Middleware = { name: 'marks', head: (_x, status, headers) => headers.set('x-mark', String(status)) };

function outcomes(): Middleware & { list: Outcome[] } {
  const list: Outcome[] = [];
  return { name: 'outcomes', list, done: (_exchange, outcome) => void list.push(outcome) };
}

const ask = (
  handler: (exchange: FetchExchange) => unknown,
  request: Request | string = '/',
  ...middleware: Middleware[]
): Promise<Response> =>
  createFetchHandler(handler as FetchHandler, { middleware })(
    typeof request === 'string' ? new Request(URL_OF + request) : request,
  );

const post = (body: ConstructorParameters<typeof Request>[1] & object): Request =>
  new Request(`${URL_OF}/`, { method: 'POST', ...body });

/** A stream that waits after its chunks, and says what became of it. */
function waiting(...chunks: string[]): { stream: ReadableStream; pulls: number; cancelled: boolean } {
  const state = {
    pulls: 0,
    cancelled: false,
    stream: new ReadableStream(
      {
        pull(controller) {
          state.pulls++;
          const chunk = chunks.shift();
          if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
          else return new Promise(() => {});
        },
        cancel() {
          state.cancelled = true;
        },
      },
      { highWaterMark: 0 },
    ),
  };
  return state;
}

describe('whatever a handler gives', () => {
  it.each([
    ...ODD_REPLIES,
    ['nothing', () => undefined] as const,
    ['a status that a Response cannot have', () => ({ status: 600 })] as const,
    ['a header that cannot be sent', () => ({ status: 200, headers: { 'x-a': 'a\r\nx-b: 1' } })] as const,
    ['a Response that was read', readResponse] as const,
    ['a Response whose stream is locked', () => new Response(locked())] as const,
  ])('%s: 500, with the head hooks', async (_name, make) => {
    for (const handler of [make, async () => make()]) {
      const answer = await ask(handler, '/', marks);
      expect([answer.status, answer.headers.get('x-mark')]).toEqual([500, '500']);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(await answer.json()).toMatchObject({ status: 500 });
    }
    // A reply hook looks at it too, and may not fall over it.
    const seen: Middleware = { name: 'seen', reply: () => undefined };
    expect((await ask(make, '/', seen)).status).toBe(500);
  });

  it('a stream that cannot even be closed, for a HEAD: answered', async () => {
    const request = new Request(URL_OF, { method: 'HEAD' });
    expect((await ask(() => ({ status: 200, body: failsToClose() }), request)).status).toBe(200);
  });
});

const read = new Response('read');
const locked = (): ReadableStream => {
  const stream = new Blob(['x']).stream();
  stream.getReader();
  return stream;
};
async function readResponse(): Promise<Response> {
  if (!read.bodyUsed) await read.text();
  return read;
}

describe('replies', () => {
  it.each<[string, Reply, string, Record<string, string>]>([
    ['a text', { status: 200, body: 'grüße' }, 'grüße', { 'content-length': '7' }],
    ['bytes', { status: 201, body: Buffer.from('ab'), headers: { 'X-List': ['a', 'b'] } }, 'ab', { 'x-list': 'a, b' }],
    ['nothing', { status: 200 }, '', { 'content-length': '0' }],
    ['a 204 with a body', { status: 204, body: 'left out' }, '', {}],
    ['a stream of node', { status: 200, body: Readable.from(['a', Buffer.from('b')]) }, 'ab', {}],
    ['a web stream', { status: 200, body: new Blob(['web']).stream() }, 'web', {}],
    ['a length of its own', { status: 200, body: Readable.from(['ab']), headers: { 'content-length': '2' } }, 'ab', {}],
    ['framing of its own', { status: 200, body: 'ab', headers: { 'transfer-encoding': 'gzip' } }, 'ab', {}],
  ])('%s', async (_name, reply, text, headers) => {
    const answer = await ask(() => reply, '/', marks);
    expect([answer.status, await answer.text()]).toEqual([reply.status, text]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({ 'x-mark': String(reply.status), ...headers });
    expect(answer.headers.has('content-type') || answer.headers.has('transfer-encoding')).toBe(false);
  });

  it.each(['3', '6'])('a stream that has another length than the %s bytes it declared fails', async (length) => {
    const done = outcomes();
    const source = async function* (): AsyncGenerator<string> {
      yield 'ab';
      await new Promise(setImmediate);
      yield 'cd';
    };
    const answer = await ask(() => ({ status: 200, headers: { 'content-length': length }, body: source() }), '/', done);
    await expect(answer.text()).rejects.toThrow();
    expect(done.list[0]).toMatchObject({ aborted: true, error: { code: 'middleware.invalid_reply' } });
  });

  it('a stream that fails before its first byte gives a 500', async () => {
    const failing = new ReadableStream<string>({ start: (controller) => controller.error(new Error('disk gone')) });
    const answer = await ask(() => ({ status: 200, headers: { 'x-secret': '1' }, body: failing }), '/', marks);
    expect([answer.status, answer.headers.get('x-secret'), answer.headers.get('x-mark')]).toEqual([500, null, '500']);
  });

  it('that fail later tell the host nothing of why', async () => {
    const failing = async function* (): AsyncGenerator<string> {
      yield 'half';
      throw new Error('disk gone');
    };
    const done = outcomes();
    const answer = await ask(() => ({ status: 200, body: failing() }), '/', done);
    const error: unknown = await answer.text().catch((thrown: unknown) => thrown);
    expect(String(error)).not.toContain('disk');
    expect(done.list[0]).toMatchObject({ status: 200, aborted: true, error: { message: 'disk gone' } });
  });
});

describe('responses of an application', () => {
  it('get the head hooks, and stay what they are', async () => {
    const made = new Response('own', { status: 418, statusText: 'Teapot', headers: { 'x-own': '1' } });
    made.headers.append('set-cookie', 'a=1');
    made.headers.append('set-cookie', 'b=2');
    const answer = await ask(() => made, '/', marks, outcomes());
    expect([answer.status, answer.statusText, await answer.text()]).toEqual([418, 'Teapot', 'own']);
    expect([answer.headers.get('x-mark'), answer.headers.get('x-own')]).toEqual(['418', '1']);
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(answer.headers.get('content-type')).toBe('text/plain;charset=UTF-8');
  });

  it('are no replies, and reply hooks do not see them', async () => {
    const louder: Middleware = { name: 'louder', reply: (_x, reply) => ({ ...reply, body: 'changed' }) };
    expect(await (await ask(() => new Response('own'), '/', louder)).text()).toBe('own');
    expect(await (await ask(() => ({ status: 200, body: 'own' }), '/', louder)).text()).toBe('changed');
  });

  it('are the same object where nothing is to be done', async () => {
    const made = new Response('own');
    expect(await ask(() => made)).toBe(made);
  });

  it.each([
    ['a redirect', () => Response.redirect('http://elsewhere.test/', 303), 303],
    ['one of fetch()', () => fetch('data:text/plain,remote'), 200],
  ])('may have headers that cannot be changed: %s', async (_name, make, status) => {
    for (const done of [[], [outcomes()]]) {
      const answer = await ask(make, '/', marks, ...done);
      expect([answer.status, answer.headers.get('x-mark')]).toEqual([status, String(status)]);
      expect(await answer.text()).toBe(status === 200 ? 'remote' : '');
    }
  });

  it('without a body may be sent many times', async () => {
    const shared = new Response(null, { status: 404, headers: { vary: 'Accept' } });
    const vary: Middleware = { name: 'vary', head: (_x, _status, headers) => headers.append('vary', 'Origin') };
    for (let i = 0; i < 3; i++) expect((await ask(() => shared, '/', vary)).headers.get('vary')).toBe('Accept, Origin');
    expect(shared.headers.get('vary')).toBe('Accept');
  });

  it('that the host alone understands are left alone', async () => {
    const done = outcomes();
    const error = Response.error();
    expect(await ask(() => error, '/', marks, done)).toBe(error);
    expect(done.list).toMatchObject([{ status: undefined, aborted: false }]);
  });

  it('that are whole stay whole, with their length, also when somebody hears of the end', async () => {
    const done = outcomes();
    const answer = await ask(() => Response.json({ a: 1 }), '/', done);
    expect(answer.headers.get('content-length')).toBe('7');
    expect(done.list).toMatchObject([{ status: 200, bytes: 7, aborted: false }]);
    expect(await answer.json()).toEqual({ a: 1 });
  });

  it('are streamed as they come, and read no further than they are asked', async () => {
    const done = outcomes();
    const source = waiting('a', 'b', 'c');
    const answer = await ask(() => new Response(source.stream), '/', done);
    const reader = answer.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('a');
    expect(source.pulls).toBeLessThanOrEqual(2);
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('b');
    expect(done.list).toEqual([]);
    await reader.cancel();
    await eventually(() => expect(source.cancelled).toBe(true));
    expect(done.list).toMatchObject([{ status: 200, bytes: 2, aborted: true }]);
  });

  it('that fail at once are a 500', async () => {
    const failing = new ReadableStream({ pull: (controller) => controller.error(new Error('disk gone')) });
    const done = outcomes();
    const answer = await ask(() => new Response(failing), '/', done);
    expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining('disk')]);
    expect(done.list).toMatchObject([{ status: 500, error: { message: 'disk gone' } }]);
  });

  it('to a HEAD have no body, and what they had is let go', async () => {
    const source = waiting('a');
    const done = outcomes();
    const answer = await ask(() => new Response(source.stream), new Request(URL_OF, { method: 'HEAD' }), done);
    expect([answer.body, source.cancelled]).toEqual([null, true]);
    expect(done.list).toMatchObject([{ aborted: false, bytes: 0 }]);
  });
});

describe('a client that leaves', () => {
  it.each<[string, (stream: ReadableStream) => Reply | Response]>([
    ['reply', (body) => ({ status: 200, body })],
    ['response', (body) => new Response(body)],
  ])('is heard of while a %s waits, and its source is cancelled', async (_name, make) => {
    for (const chunks of [['first'], []]) {
      const leave = new AbortController();
      const done = outcomes();
      const source = waiting(...chunks);
      let signal: AbortSignal | undefined;
      const answer = ask(
        (exchange) => {
          signal = exchange.signal;
          return make(source.stream);
        },
        new Request(URL_OF, { signal: leave.signal }),
        done,
      );
      if (chunks.length > 0) await (await answer).body?.getReader().read();
      else await eventually(() => expect(source.pulls).toBe(1));
      leave.abort();
      await eventually(() => expect(source.cancelled).toBe(true));
      expect([signal?.aborted, done.list.length, done.list[0]?.aborted]).toEqual([true, 1, true]);
      await answer;
    }
  });

  it('before the answer, or before the handler', async () => {
    for (const early of [true, false]) {
      const leave = new AbortController();
      if (early) leave.abort();
      const done = outcomes();
      const body = Readable.from(['x']);
      const answer = ask(
        async (exchange) => {
          leave.abort();
          await eventually(() => expect(exchange.signal.aborted).toBe(true));
          return { status: 200, body };
        },
        new Request(URL_OF, { signal: leave.signal }),
        done,
      );
      await answer;
      expect(done.list).toMatchObject([{ status: undefined, aborted: true }]);
      expect(body.destroyed).toBe(true);
    }
  });

  it('is not the only one that aborts: a reason of the server does', async () => {
    let reason: unknown;
    await ask((exchange) => {
      exchange.abort(new Error('too long'));
      reason = exchange.signal.reason;
      return { status: 200 };
    });
    expect(reason).toMatchObject({ message: 'too long' });
  });

  it('after the answer is no loss', async () => {
    const leave = new AbortController();
    let signal: AbortSignal | undefined;
    const done = outcomes();
    await ask(
      (exchange) => {
        signal = exchange.signal;
        return { status: 200 };
      },
      new Request(URL_OF, { signal: leave.signal }),
      done,
    );
    leave.abort();
    expect([signal?.aborted, done.list.length]).toEqual([false, 1]);
  });
});

describe('bodies', () => {
  const bytes = (max: number) => async (exchange: FetchExchange) => ({
    status: 200,
    body: Buffer.from(await exchange.bytes(max)),
  });

  it('are read once and given twice, and no larger than asked', async () => {
    const answer = await ask(
      async (exchange) => {
        const both = await Promise.all([exchange.bytes(10), exchange.bytes(10)]);
        await expect(exchange.bytes(2)).rejects.toMatchObject({ code: 'middleware.body_too_large' });
        return { status: 200, body: Buffer.concat(both) };
      },
      post({ body: 'abc' }),
    );
    expect(await answer.text()).toBe('abcabc');
  });

  it('in any pieces arrive whole', async () => {
    const parts = Array.from({ length: 1000 }, (_, i) => String(i));
    const body = ReadableStream.from(parts.map((part) => new TextEncoder().encode(part)));
    const answer = await ask(bytes(10_000), post({ body, duplex: 'half' }));
    expect(await answer.text()).toBe(parts.join(''));
  });

  it.each([
    ['declared', post({ body: 'hello world', headers: { 'content-length': '11' } })],
    ['not declared', post({ body: 'hello world' })],
  ])('over the limit are a 413: %s', async (_name, request) => {
    expect((await ask(bytes(10), request)).status).toBe(413);
  });

  it('of exactly the limit pass, and none is none', async () => {
    expect(await (await ask(bytes(10), post({ body: '0123456789' }))).text()).toBe('0123456789');
    expect(await (await ask(bytes(10))).text()).toBe('');
  });

  it('that somebody else has read are said to be', async () => {
    const answer = await ask(
      async (exchange) => {
        await exchange.request.text();
        await expect(exchange.bytes(10)).rejects.toMatchObject({ code: 'middleware.body_consumed' });
        return { status: 200 };
      },
      post({ body: 'abc' }),
    );
    expect(answer.status).toBe(200);
  });

  it('arrive by stream(), for one reader and within its limit', async () => {
    const parts = ['ab', 'cd', 'ef'];
    const body = (): ReadableStream => ReadableStream.from(parts.map((part) => new TextEncoder().encode(part)));
    const seen: string[] = [];
    const codes: unknown[] = [];
    const code = (error: unknown): void => void codes.push((error as { code?: unknown }).code);
    const note = async (stream: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of stream) seen.push(Buffer.from(chunk).toString());
    };
    await ask(
      async (exchange) => {
        await note(exchange.stream(10));
        await exchange.bytes(10).catch(code);
        await note(exchange.stream(10)).catch(code);
        return { status: 200 };
      },
      post({ body: body(), duplex: 'half' }),
    );
    expect(seen).toEqual(parts);
    await ask(
      async (exchange) => {
        await note(exchange.stream(5)).catch(code);
        return { status: 200 };
      },
      post({ body: body(), duplex: 'half' }),
    );
    expect(codes).toEqual(['middleware.body_consumed', 'middleware.body_consumed', 'middleware.body_too_large']);
  });

  it('arrive by stream() once more after they were read whole, before the handler or in it', async () => {
    const looking: Middleware = { name: 'looking', before: async (exchange) => void (await exchange.bytes(10)) };
    const handler = async (exchange: FetchExchange): Promise<Reply> => {
      await exchange.bytes(10);
      const chunks: Uint8Array[] = [];
      for await (const chunk of exchange.stream(exchange.path === '/less' ? 2 : 3)) chunks.push(chunk);
      return { status: 200, body: Buffer.concat(chunks) };
    };
    for (const middleware of [[], [looking]]) {
      const serve = createFetchHandler(handler, { middleware });
      expect(await (await serve(new Request('http://a/', { method: 'POST', body: 'abc' }))).text()).toBe('abc');
      expect((await serve(new Request('http://a/less', { method: 'POST', body: 'abc' }))).status).toBe(413);
    }
  });

  it('that end early are a 400', async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) });
    const answer = await ask(bytes(10), post({ body, duplex: 'half' }));
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'middleware.request_aborted' }]);
  });

  it('without framing headers, as of HTTP/2, are bodies', async () => {
    const seen: unknown[] = [];
    const handler = async (exchange: FetchExchange): Promise<Reply> => {
      seen.push([hasBody(exchange), await readJson(exchange)]);
      return { status: 200 };
    };
    await ask(handler, post({ body: '{"a":1}', headers: { 'content-type': 'application/json' } }));
    await ask(handler, post({}));
    expect(seen).toEqual([
      [true, { a: 1 }],
      [false, undefined],
    ]);
  });
});

describe('an exchange', () => {
  const seen = async (url: string, options: FetchHostOptions = {}, headers = {}): Promise<Record<string, unknown>> => {
    const handler = createFetchHandler(({ path, query, rawUrl, scheme, method, peer }) => {
      return { status: 200, body: JSON.stringify({ path, query, rawUrl, scheme, method, peer }) };
    }, options);
    return (await (await handler(new Request(url, { headers }))).json()) as Record<string, unknown>;
  };

  it('has the target of the URL', async () => {
    expect(await seen('https://host.test/a/%61?b=1&b=2#c')).toEqual({
      path: '/a/%61',
      query: 'b=1&b=2',
      rawUrl: '/a/%61?b=1&b=2',
      scheme: 'https',
      method: 'GET',
      peer: '',
    });
    expect(await seen('http://host.test')).toMatchObject({ path: '/', query: '', scheme: 'http' });
    expect(await seen('http://host.test?a=/')).toMatchObject({ path: '/', query: 'a=/' });
  });

  it('has the address that the host knows, and believes its proxies', async () => {
    const peer = (): string => '10.0.0.1';
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    expect(await seen(URL_OF, { peer }, headers)).toMatchObject({ peer: '10.0.0.1' });
    expect(await seen(URL_OF, { peer, trustProxies: ['10.0.0.0/8'] }, headers)).toMatchObject({ peer: '203.0.113.9' });
  });

  it('hands on what the host gave after the request', async () => {
    const handler = createFetchHandler<readonly [{ id: string }]>(({ rest }) => ({ status: 200, body: rest[0].id }));
    expect(await (await handler(new Request(URL_OF), { id: '7' })).text()).toBe('7');
  });

  it('answers 500 where the address cannot be told', async () => {
    const handler = createFetchHandler(() => ({ status: 200 }), {
      middleware: [requestId(), marks],
      peer() {
        throw new Error('no address');
      },
    });
    const answer = await handler(new Request(URL_OF));
    expect([answer.status, answer.headers.get('x-mark')]).toEqual([500, '500']);
  });
});

it('publishes ent:http:request', async () => {
  const told: RequestOperation[] = [];
  const subscriber = {
    start() {},
    end() {},
    asyncStart() {},
    error() {},
    asyncEnd: (operation: RequestOperation) => void told.push(operation),
  };
  channels.request.subscribe(subscriber);
  onTestFinished(() => {
    channels.request.unsubscribe(subscriber);
  });
  await ask((exchange) => {
    exchange.route = '/a/:b';
    return new Response('abc');
  }, '/a/1');
  await eventually(() => expect(told).toMatchObject([{ method: 'GET', route: '/a/:b', status: 200, bytes: 3 }]));
});

it('refuses mistakes at set-up', () => {
  const refused = (make: () => unknown): unknown => {
    try {
      make();
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
    return 'accepted';
  };
  expect(
    [
      () => createFetchHandler('x' as never),
      () => createFetchHandler(() => new Response(), { trustProxies: ['loopback'] }),
      () => createFetchHandler(() => new Response(), { peer: 'x' as never }),
      () => createFetchHandler(() => new Response(), { peer: () => '', trustProxies: ['the-proxy'] }),
      () => createFetchHandler(() => new Response(), { proxies: [] } as never),
      () => createFetchHandler(() => new Response())({ url: '/' } as never),
    ].map(refused),
  ).toEqual(Array(6).fill('middleware.invalid_options'));
});
