import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { ConflictError } from '@ent/errors';
import {
  channels,
  type Exchange,
  idempotency,
  type IdempotencyOptions,
  type IdempotencyStore,
  memoryIdempotencyStore,
  readJson,
  type Reply,
  timeout,
} from '@ent/middleware';
import { createNodeListener, type NodeExchange } from '@ent/middleware/node';
import { testIdempotencyStore } from '@ent/middleware/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually, serve } from './support/serve.ts';

const start = async (
  handler: (exchange: NodeExchange) => Reply | undefined | Promise<Reply | undefined>,
  options: Partial<IdempotencyOptions> = {},
  outer: Parameters<typeof createNodeListener>[1] = {},
) => {
  const store = memoryIdempotencyStore();
  const middleware = [...(outer.middleware ?? []), idempotency({ store, ...options })];
  const { url, port } = await serve(createNodeListener(handler, { middleware }));
  const send = async (key: string | undefined, init: RequestInit & { path?: string } = {}) => {
    const { path = '/', headers, ...rest } = init;
    const answer = await fetch(url + path, {
      method: 'POST',
      body: '{"a":1}',
      ...rest,
      headers: { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }), ...(headers as object) },
    });
    return {
      status: answer.status,
      body: await answer.text(),
      replayed: answer.headers.get('idempotent-replayed'),
      headers: answer.headers,
    };
  };
  return { send, store, port };
};

it('a store has nothing by which a body can be found without its key', async () => {
  const { store, send } = await start(() => ({ status: 204 }));
  const records: string[] = [];
  const { claim } = store;
  store.claim = (key, record, ttlMs) => {
    records.push(key, record);
    return claim(key, record, ttlMs);
  };
  const body = JSON.stringify({ password: 'correct horse' });
  for (const key of ['one', 'two']) expect((await send(key, { body })).status).toBe(204);
  const prints = records.flatMap((text) => (text.startsWith('{') ? [(JSON.parse(text) as Kept).fingerprint] : []));
  expect(new Set(prints).size).toBe(2);
  expect(records.join()).not.toMatch(/one|two|horse/);
});
interface Kept {
  readonly fingerprint: string;
}

const codeOf = ({ body }: { body: string }): unknown => (JSON.parse(body) as { code: unknown }).code;

describe('the memory store', () => {
  testIdempotencyStore(
    { it },
    {
      make() {
        const store = memoryIdempotencyStore();
        return [store, store];
      },
    },
  );

  it('is bounded: the oldest go', async () => {
    const store = memoryIdempotencyStore({ maxBytes: 10_000 });
    for (let n = 0; n < 100; n++) await store.claim(`k${n}`, 'x'.repeat(1000), 60_000);
    expect(await store.claim('k0', 'y', 60_000)).toBeUndefined();
    expect(await store.claim('k99', 'y', 60_000)).toBe('x'.repeat(1000));
  });
});

describe('idempotency', () => {
  it('repeats the answer of the first, to the byte, and does nothing twice', async () => {
    let calls = 0;
    const { send } = await start(async (exchange) => {
      calls++;
      const body = Buffer.from([0, 255, calls, ...Buffer.from(JSON.stringify(await readJson(exchange)))]);
      return { status: 201, headers: { location: '/1', 'set-cookie': ['a=1', 'b=2'] }, body };
    });
    const [first, second] = [await send('k'), await send('k')];
    expect([first.status, first.replayed, second.status, second.replayed]).toEqual([201, null, 201, 'true']);
    expect(second.body).toBe(first.body);
    expect(second.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(calls).toBe(1);
    await send('other');
    expect(calls).toBe(2);
  });

  it('leaves alone what has no key, and other methods', async () => {
    const handler = vi.fn(() => ({ status: 200 }));
    const { send } = await start(handler);
    for (const init of [{}, {}]) await send(undefined, init);
    for (const method of ['PUT', 'DELETE']) await send('k', { method });
    await send('k', { method: 'PUT' });
    expect(handler).toHaveBeenCalledTimes(5);
  });

  it('of a hundred at once one is done; the others are told to wait, or get its answer', async () => {
    let calls = 0;
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { send } = await start(async () => {
      calls++;
      await held;
      return { status: 201, body: 'made' };
    });
    const all = Array.from({ length: 100 }, () => send('k'));
    const early = await Promise.race(all);
    expect([early.status, codeOf(early), early.headers.get('retry-after')]).toEqual([
      409,
      'middleware.idempotency_key_in_use',
      '1',
    ]);
    go();
    const answers = await Promise.all(all);
    expect(calls).toBe(1);
    expect(answers.filter(({ status, replayed }) => status === 201 && replayed === null)).toHaveLength(1);
    for (const { status } of answers) expect([201, 409]).toContain(status);
    expect(await send('k')).toMatchObject({ status: 201, body: 'made', replayed: 'true' });
  });

  it.each<[string, Parameters<Awaited<ReturnType<typeof start>>['send']>[1]]>([
    ['another body', { body: '{"a":2}' }],
    ['another path', { path: '/x' }],
    ['another query', { path: '/?a' }],
    ['another method', { method: 'PATCH' }],
    ['another content type', { headers: { 'content-type': 'text/plain' } }],
  ])('refuses a key that comes again with %s', async (_name, init) => {
    const { send } = await start(() => ({ status: 200 }));
    await send('k');
    const answer = await send('k', init);
    expect([answer.status, codeOf(answer)]).toEqual([422, 'middleware.idempotency_key_reused']);
  });

  it.each(['', ' ', 'x'.repeat(256), '"', '"a', '"a\\"b"', 'a b', 'a, b', '""', 'a\u{e9}'])(
    'refuses what is no key: %j',
    async (key) => {
      const { port } = await start(() => ({ status: 200 }));
      const socket = connect(port, '127.0.0.1').setEncoding('latin1');
      let text = '';
      socket.on('data', (chunk: string) => (text += chunk));
      const head = 'POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n';
      socket.write(Buffer.from(`${head}idempotency-key: ${key}\r\n\r\n`, 'latin1'));
      await once(socket, 'close');
      expect(text).toMatch(/^HTTP\/1.1 400 [^]*idempotency_key_invalid/);
    },
  );

  it('takes a key with quotes, as the draft has it, for the same as one without', async () => {
    const { send } = await start(() => ({ status: 200 }));
    await send('"8e03978e"');
    expect((await send('8e03978e')).replayed).toBe('true');
  });

  it('refuses a request without a key where it has to have one', async () => {
    const { send } = await start(() => ({ status: 200 }), { required: true });
    expect((await send(undefined)).status).toBe(400);
    expect((await send(undefined, { method: 'PUT' })).status).toBe(200);
  });

  it('gives nobody the answer of somebody else', async () => {
    let calls = 0;
    const { send } = await start(() => ({ status: 200, body: String(++calls) }));
    const as = (name: string, value: string) => send('k', { headers: { [name]: value } });
    const bodies = [
      await as('authorization', 'Bearer a'),
      await as('authorization', 'Bearer b'),
      await as('cookie', 'Bearer a'),
      await send('k'),
      await as('authorization', 'Bearer a'),
    ].map(({ body }) => body);
    expect(bodies).toEqual(['1', '2', '3', '4', '1']);
  });

  it('goes by the scope that it is given, and leaves alone who has none', async () => {
    let calls = 0;
    const scope = async (exchange: Exchange) => exchange.header('x-user');
    const { send } = await start(() => ({ status: 200, body: String(++calls) }), { scope });
    const as = async (user: string, token: string) =>
      (await send('k', { headers: { 'x-user': user, authorization: token } })).body;
    expect([await as('ada', '1'), await as('ada', '2'), await as('bob', '1')]).toEqual(['1', '1', '2']);
    expect([(await send('k')).body, (await send('k')).body]).toEqual(['3', '4']);
  });

  it('requires no key of a request that it does not look at', async () => {
    const scope = (exchange: Exchange) => exchange.header('x-user');
    const { send } = await start(() => ({ status: 200 }), { scope, required: true });
    const headers = { 'x-user': 'ada' };
    expect((await send(undefined)).status).toBe(200);
    expect((await send('no key')).status).toBe(200);
    expect((await send(undefined, { headers })).status).toBe(400);
    expect((await send('no key', { headers })).status).toBe(400);
  });

  it.each([
    [409, 'not kept', false],
    [401, 'not kept', false],
    [429, 'not kept', false],
    [500, 'not kept', false],
    [503, 'not kept', false],
    [404, 'kept', true],
    [422, 'kept', true],
    [302, 'kept', true],
  ])('an answer of %i is %s', async (status, _kept, kept) => {
    let calls = 0;
    const { send } = await start(() => ({ status, body: String(++calls) }));
    const init = { redirect: 'manual' } as const;
    const bodies = [(await send('k', init)).body, (await send('k', init)).body];
    expect(bodies).toEqual(kept ? ['1', '1'] : ['1', '2']);
  });

  it.each([true, false])('keeps what a handler throws as it keeps what it answers, late: %s', async (late) => {
    let calls = 0;
    const { send } = await start((): Reply | Promise<Reply> => {
      calls++;
      const error = calls === 1 ? new TypeError('a mistake') : new ConflictError('twice', { status: 422 });
      if (late) return Promise.reject(error);
      throw error;
    });
    const answers = [await send('k'), await send('k'), await send('k')];
    expect(answers.map(({ status, replayed }) => [status, replayed])).toEqual([
      [500, null],
      [422, null],
      [422, 'true'],
    ]);
    expect(answers[2]?.body).toBe(answers[1]?.body);
  });

  it('keeps 5xx where it is told to', async () => {
    const { send } = await start(() => ({ status: 503 }), { keep: () => true });
    await send('k');
    expect(await send('k')).toMatchObject({ status: 503, replayed: 'true' });
  });

  it('keeps a stream that came to its end, and frees the key of one that did not, or is too long', async () => {
    let calls = 0;
    const { send } = await start(
      ({ path }) => {
        calls++;
        const broken = async function* () {
          yield 'x';
          throw new Error('broken');
        };
        if (path === '/broken') return { status: 200, body: broken() };
        return { status: 200, body: Readable.from(['a', Buffer.from('b'), path === '/long' ? 'x'.repeat(2000) : '']) };
      },
      { maxBytes: 1000 },
    );
    expect((await send('whole')).body).toBe('ab');
    expect(await send('whole')).toMatchObject({ body: 'ab', replayed: 'true' });
    expect(calls).toBe(1);
    expect((await send('long', { path: '/long' })).body).toHaveLength(2002);
    expect((await send('long', { path: '/long' })).replayed).toBeNull();
    const broken = await send('broken', { path: '/broken' }).catch(() => 'cut');
    if (broken !== 'cut') expect(broken).toMatchObject({ status: 500, replayed: null });
    await eventually(async () => {
      // In use until the end has been noticed.
      const answer = await send('broken').catch(() => undefined);
      expect(answer?.status).toBe(200);
    });
  });

  it.each(['/', '/late', '/after', '/head', '/pieces'])('keeps what the handler writes by itself: %s', async (path) => {
    let calls = 0;
    const write = ({ res }: NodeExchange): void => {
      if (path === '/head') res.writeHead(201, { 'x-own': 'a', 'set-cookie': ['a=1', 'b=2'] });
      else res.writeHead(201, ['x-own', 'a', 'set-cookie', 'a=1', 'set-cookie', 'b=2']);
      if (path === '/pieces') {
        res.write(Buffer.from('a'));
        res.write('62', 'hex');
      }
      res.end(String(++calls));
    };
    const { send } = await start(
      async (exchange) => {
        if (path === '/late') await Promise.resolve();
        if (path === '/after') setTimeout(write, 20, exchange);
        else write(exchange);
        return undefined;
      },
      {},
      { middleware: [{ name: 'head', head: (_exchange, _status, headers) => headers.set('x-hook', String(calls)) }] },
    );
    const first = await send('k', { path });
    const second = await send('k', { path });
    expect([first.status, first.body]).toEqual([201, path === '/pieces' ? 'ab1' : '1']);
    expect(second).toMatchObject({ status: 201, body: first.body, replayed: 'true' });
    expect([second.headers.get('x-own'), second.headers.getSetCookie()]).toEqual(['a', ['a=1', 'b=2']]);
    // The hooks of the head have a word about the answer that is given again, as about the first.
    expect(second.headers.get('x-hook')).toBe('1');
    expect(calls).toBe(1);
  });

  it.each([
    ['one that is too long', (res: ServerResponse) => res.end('x'.repeat(2000))],
    ['a 500', (res: ServerResponse) => res.writeHead(500).end()],
  ])('frees the key of what the handler writes by itself: %s', async (_name, write) => {
    const handler = vi.fn(({ res }: NodeExchange) => void write(res));
    const { send } = await start(handler, { maxBytes: 1000 });
    await send('k');
    await eventually(async () => expect((await send('k')).replayed).toBeNull());
    await eventually(() => expect(handler.mock.calls.length).toBeGreaterThan(1));
  });

  it('leaves the key for the lease where nobody can see what a handler comes to', async () => {
    const ends: (() => void)[] = [];
    const handler = vi.fn(({ res }: NodeExchange) => void ends.push(() => res.destroy()));
    const { send } = await start(handler, { lease: '300ms' });
    const cut = send('k').catch(() => 'cut');
    await eventually(() => expect(ends).toHaveLength(1));
    ends[0]?.();
    expect(await cut).toBe('cut');
    expect((await send('k')).status).toBe(409);
    await eventually(async () => {
      if (handler.mock.calls.length < 2) void send('k').catch(() => 'cut');
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(handler).toHaveBeenCalledTimes(2);
    });
    ends[1]?.();
  });

  it('what `keep` throws about an answer that is out is published', async () => {
    const errors: unknown[] = [];
    const listen = (event: unknown): void => void errors.push((event as { error: unknown }).error);
    channels.hook.error.subscribe(listen);
    try {
      const keep = (): boolean => {
        throw new RangeError('keep');
      };
      const { send } = await start(({ res }) => void res.end('x'), { keep });
      expect((await send('k')).body).toBe('x');
      await eventually(() => expect(errors).toContainEqual(new RangeError('keep')));
    } finally {
      channels.hook.error.unsubscribe(listen);
    }
  });

  it('keeps the answer for a client that went away before it was there', async () => {
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const handler = vi.fn(async () => {
      await held;
      return { status: 201, body: 'made' };
    });
    const { send } = await start(handler);
    const gone = new AbortController();
    const first = send('k', { signal: gone.signal }).catch(() => 'gone');
    await eventually(() => expect(handler).toHaveBeenCalled());
    gone.abort();
    expect(await first).toBe('gone');
    expect((await send('k')).status).toBe(409);
    go();
    await eventually(async () =>
      expect(await send('k')).toMatchObject({ status: 201, body: 'made', replayed: 'true' }),
    );
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it('a time limit ends the wait and not the work: its answer is the one that is kept', async () => {
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const handler = vi.fn(async () => {
      await held;
      return { status: 201, body: 'made' };
    });
    const { send } = await start(handler, {}, { middleware: [timeout('20ms')] });
    expect((await send('k')).status).toBe(503);
    // On a slow machine the limit may be over here too.
    await eventually(async () => expect((await send('k')).status).toBe(409));
    go();
    await eventually(async () => expect(await send('k')).toMatchObject({ status: 201, body: 'made' }));
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it('renews the lease while it works', async () => {
    const memory = memoryIdempotencyStore();
    const renewals: number[] = [];
    const store: IdempotencyStore = {
      ...memory,
      // However slow the machine, the key stays.
      claim: (key, record) => memory.claim(key, record, 3_600_000),
      replace(key, expected, record, ttlMs) {
        if (expected === record) renewals.push(ttlMs);
        return memory.replace(key, expected, record, 3_600_000);
      },
    };
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { send } = await start(async () => (await held, { status: 200, body: 'slow' }), { store, lease: '60ms' });
    const first = send('k');
    await eventually(() => expect(renewals.length).toBeGreaterThan(5));
    expect(new Set(renewals)).toEqual(new Set([60]));
    expect((await send('k')).status).toBe(409);
    go();
    expect((await first).body).toBe('slow');
    expect((await send('k')).replayed).toBe('true');
    const { length } = renewals;
    await eventually(async () => expect((await send('k')).replayed).toBe('true'));
    expect(renewals).toHaveLength(length);
  });

  it('a process that dies leaves the key for the lease', async () => {
    const store = memoryIdempotencyStore();
    // What a process that died does: nothing any more.
    const dead: IdempotencyStore = { ...store, replace: async () => false, release: async () => {} };
    const handler = vi.fn(() => new Promise<Reply>(() => {}));
    const died = await start(handler, { store: dead, lease: '100ms' });
    const gone = new AbortController();
    const lost = died.send('k', { signal: gone.signal }).catch(() => 'gone');
    await eventually(() => expect(handler).toHaveBeenCalled());
    const next = await start(() => ({ status: 200, body: 'next' }), { store });
    await eventually(async () => expect((await next.send('k')).body).toBe('next'));
    gone.abort();
    expect(await lost).toBe('gone');
  });

  it('a late first does not overwrite the answer of a second', async () => {
    const store = memoryIdempotencyStore();
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    // Its process was stopped for longer than the lease: it did not renew.
    const paused: IdempotencyStore = {
      ...store,
      replace: async (key, expected, record, ttlMs) =>
        expected === record ? true : store.replace(key, expected, record, ttlMs),
    };
    const handler = vi.fn(async () => {
      await held;
      return { status: 200, body: 'one' };
    });
    const one = await start(handler, { store: paused, lease: '30ms' });
    const two = await start(() => ({ status: 200, body: 'two' }), { store });
    const told: unknown[] = [];
    const listen = (message: unknown): void => void told.push(message);
    channels.hook.error.subscribe(listen);
    onTestFinished(() => channels.hook.error.unsubscribe(listen));
    const first = one.send('k');
    await eventually(() => expect(handler).toHaveBeenCalled());
    await eventually(async () => expect((await two.send('k')).body).toBe('two'));
    go();
    expect((await first).body).toBe('one');
    expect((await two.send('k')).body).toBe('two');
    expect(told).toMatchObject([{ middleware: 'idempotency', error: { code: 'middleware.idempotency_lease_lost' } }]);
  });

  it('fails with the store at the beginning; at the end the answer goes out', async () => {
    const down = (): Promise<never> => Promise.reject(new Error('down'));
    const memory = memoryIdempotencyStore();
    const handler = vi.fn(() => ({ status: 200, body: 'done' }));
    const first = await start(handler, { store: { ...memory, claim: down } });
    expect((await first.send('k')).status).toBe(500);
    expect(handler).not.toHaveBeenCalled();
    const last = await start(handler, { store: { ...memory, replace: down, release: down } });
    expect(await last.send('k')).toMatchObject({ status: 200, body: 'done' });
  });

  it('does not do a request whose record it cannot read', async () => {
    const store: IdempotencyStore = { ...memoryIdempotencyStore(), claim: async () => 'of somebody else' };
    const { send } = await start(() => ({ status: 200 }), { store });
    expect((await send('k')).status).toBe(409);
  });

  it('refuses a body that is larger than what it compares, and none that has no scope', async () => {
    const scope = ({ path }: Exchange): string | undefined => (path === '/uploads' ? undefined : 'one');
    const { send } = await start(async (exchange) => ({ status: 200, body: await exchange.bytes(100) }), {
      maxBytes: 5,
      scope,
    });
    expect((await send('k')).status).toBe(413);
    expect(await send('k', { path: '/uploads' })).toMatchObject({ status: 200, body: '{"a":1}' });
  });

  it.each<[string, object]>([
    ['no store', {}],
    ['a store that is none', { store: {} }],
    ['a time of zero', { store: memoryIdempotencyStore(), ttl: 0 }],
    ['a lease that is none', { store: memoryIdempotencyStore(), lease: 'soon' }],
    ['methods that are no list', { store: memoryIdempotencyStore(), methods: 'POST' }],
    ['a misspelt option', { store: memoryIdempotencyStore(), key: 'x' }],
  ])('refuses %s', (_name, options) => {
    expect(() => idempotency(options as never)).toThrow(
      expect.objectContaining({ code: 'middleware.invalid_options' }) as Error,
    );
  });
});
