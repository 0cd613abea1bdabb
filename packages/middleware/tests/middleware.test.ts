import { AsyncLocalStorage } from 'node:async_hooks';
import { ConflictError, OverloadedError } from '@ent/errors';
import { currentContext } from '@ent/internal';
import {
  channels,
  createPipeline,
  type Exchange,
  type HookOperation,
  type Middleware,
  type Reply,
  requestContext,
  requestId,
} from '@ent/middleware';
import { createNodeListener, type NodeExchange } from '@ent/middleware/node';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually, type Served, serve } from './support/serve.ts';

const start = (
  middleware: Middleware[],
  handler: (exchange: NodeExchange) => Reply | Promise<Reply> = () => ({ status: 200 }),
): Promise<Served> => serve(createNodeListener(handler, { middleware }));

describe('before', () => {
  it('runs in order, sync and async mixed, and then the handler', async () => {
    const order: string[] = [];
    const { url } = await start(
      [
        { name: 'a', before: () => void order.push('a') },
        { name: 'b', before: async () => void order.push('b') },
        { name: 'c', before: () => void order.push('c') },
      ],
      () => (order.push('handler'), { status: 200 }),
    );
    await fetch(url);
    expect(order).toEqual(['a', 'b', 'c', 'handler']);
  });

  it.each([
    ['a reply', (): Reply => ({ status: 418 })],
    ['a promise of a reply', async (): Promise<Reply> => ({ status: 418 })],
  ])('%s answers; what comes after does not run, head and done do', async (_name, before) => {
    const ran: string[] = [];
    const { url } = await start(
      [
        { name: 'a', before },
        {
          name: 'b',
          before: () => void ran.push('before'),
          head: () => void ran.push('head'),
          done: () => void ran.push('done'),
        },
      ],
      () => (ran.push('handler'), { status: 200 }),
    );
    expect((await fetch(url)).status).toBe(418);
    await eventually(() => expect(ran).toEqual(['head', 'done']));
  });

  it.each([
    [
      'throws',
      () => {
        throw new ConflictError('twice');
      },
      409,
    ],
    [
      'rejects',
      async () => {
        throw new ConflictError('twice');
      },
      409,
    ],
    [
      'throws something that is no error',
      () => {
        // oxlint-disable-next-line typescript/only-throw-error -- people do
        throw null;
      },
      500,
    ],
  ])('%s: a problem reply with the headers of all', async (_name, before, status) => {
    const { url } = await start([requestId(), { name: 'a', before }]);
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('head and done', () => {
  it('that throw harm neither the answer nor the other hooks, and are published', async () => {
    const failed: HookOperation[] = [];
    const listeners = {
      start() {},
      end() {},
      asyncStart() {},
      asyncEnd() {},
      error: (operation: HookOperation) => void failed.push(operation),
    };
    channels.hook.subscribe(listeners);
    onTestFinished(() => {
      channels.hook.unsubscribe(listeners);
    });
    const fail = (): never => {
      throw new Error('hook');
    };
    const done = vi.fn();
    const { url } = await start([
      { name: 'bad', head: fail, done: fail },
      { name: 'good', head: (_exchange, _status, headers) => headers.set('x-good', '1'), done },
    ]);
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('x-good')]).toEqual([200, '1']);
    await eventually(() => expect(done).toHaveBeenCalledTimes(1));
    expect(failed.map(({ middleware, hook }) => `${middleware} ${hook}`)).toEqual(['bad head', 'bad done']);
  });

  it('run done once, however often a host says that it is over', () => {
    const done = vi.fn();
    const run = createPipeline([{ name: 'a', done }]).open({ method: 'GET', header() {} } as unknown as Exchange);
    for (let i = 0; i < 2; i++) run.done({ status: 200, bytes: 0, aborted: false });
    expect(done).toHaveBeenCalledOnce();
  });

  it('see the status that is really sent', async () => {
    const statuses: (number | undefined)[] = [];
    const spy: Middleware = {
      name: 'spy',
      head: (_exchange, status) => void statuses.push(status),
      done: (_exchange, { status }) => void statuses.push(status),
    };
    const { url } = await start([spy], () => {
      throw new OverloadedError('full', { retryAfterMs: 1500 });
    });
    const answer = await fetch(url);
    expect(answer.headers.get('retry-after')).toBe('2');
    await eventually(() => expect(statuses).toEqual([503, 503]));
  });
});

describe('context', () => {
  it('wraps everything after it, across await, and is there again in done', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const look = (): undefined => void seen.push(storage.getStore());
    const { url } = await start(
      [
        { name: 'outside', before: look },
        { name: 'store', context: (_exchange, run) => void storage.run('inside', run) },
        { name: 'inside', before: async () => look(), done: look },
      ],
      async () => {
        await new Promise(setImmediate);
        look();
        return { status: 200 };
      },
    );
    await fetch(url);
    await eventually(() => expect(seen).toEqual([undefined, 'inside', 'inside', 'inside']));
  });

  it('carries the request id, and never that of another request', async () => {
    const mixed: string[] = [];
    const { url } = await start(
      [requestId(), requestContext({ fields: ({ path }) => ({ path }) })],
      async (exchange) => {
        for (let i = 0; i < 5; i++) {
          await new Promise(setImmediate);
          const context = currentContext();
          if (context?.['requestId'] !== exchange.id || context['path'] !== exchange.path) mixed.push(exchange.id);
        }
        return { status: 200, body: exchange.id };
      },
    );
    const ids = await Promise.all(
      Array.from({ length: 200 }, async (_, i) =>
        (await fetch(`${url}/${i}`, { headers: { 'x-request-id': `id-${i}` } })).text(),
      ),
    );
    expect(ids).toEqual(Array.from({ length: 200 }, (_, i) => `id-${i}`));
    expect(mixed).toEqual([]);
    expect(currentContext()).toBeUndefined();
  });

  it('that does not run the exchange is an error; one that runs it twice runs it once', async () => {
    const handled = vi.fn(() => ({ status: 200 }));
    const forgets = await start([{ name: 'forgets', context: () => {} }], handled);
    expect((await fetch(forgets.url)).status).toBe(500);
    expect(handled).not.toHaveBeenCalled();
    const twice = await start([{ name: 'twice', context: (_exchange, run) => (run(), void run()) }], handled);
    expect((await fetch(twice.url)).status).toBe(200);
    expect(handled).toHaveBeenCalledTimes(1);
  });
});
