import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { ConflictError } from '@ent/errors';
import { currentContext } from '@ent/internal';
import {
  channels,
  type HookOperation,
  type Middleware,
  type Reply,
  requestContext,
  requestId,
  timeout,
  type TimeoutOptions,
} from '@ent/middleware';
import { createExpressListener } from '@ent/middleware/express';
import { createNodeListener, type NodeExchange } from '@ent/middleware/node';
import { heldBytes } from '@ent/testkit';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually, serve } from './support/serve.ts';

const start = async (
  limit: string,
  handler: (exchange: NodeExchange) => Reply | undefined | Promise<Reply | undefined>,
  options?: TimeoutOptions,
): Promise<string> => {
  const { url } = await serve(createNodeListener(handler, { middleware: [requestId(), timeout(limit, options)] }));
  return url;
};
const codeOf = async (answer: Response): Promise<unknown> => ((await answer.json()) as { code: unknown }).code;
/** Until the signal aborts, which is what a handler waits for together with its work. */
const aborted = async ({ signal }: NodeExchange): Promise<never> => {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
};

describe('timeout', () => {
  it('answers for a handler that takes too long, and aborts its signal with the same error', async () => {
    const reasons: unknown[] = [];
    const url = await start('30ms', async (exchange) => {
      await aborted(exchange).catch((reason: unknown) => reasons.push(reason));
      return { status: 200 };
    });
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('x-request-id')]).toEqual([
      503,
      '1',
      expect.any(String),
    ]);
    expect(await codeOf(answer)).toBe('middleware.timed_out');
    await eventually(() => expect(reasons).toEqual([expect.objectContaining({ code: 'middleware.timed_out' })]));
  });

  it('keeps nothing of a client that left an application which never answers', async () => {
    const exchanges: WeakRef<object>[] = [];
    const noting: Middleware = { name: 'noting', before: (exchange) => void exchanges.push(new WeakRef(exchange)) };
    for (const options of [{}, { header: 'x-wait-ms' }]) {
      const { port } = await serve(createExpressListener(() => {}, { middleware: [noting, timeout('1h', options)] }));
      const socket = connect(port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nX-Wait-Ms: 600000\r\n\r\n');
      await eventually(() => expect(exchanges).toHaveLength(1));
      socket.destroy();
      const [left] = exchanges.splice(0);
      await eventually(() => {
        heldBytes();
        // Not the exchange itself, which the error would hold.
        expect(left?.deref() === undefined).toBe(true);
      });
    }
  });

  it('shows none the context of another, with which it shares a timer', async () => {
    const seen: unknown[] = [];
    const listener = createNodeListener(
      async (exchange) => {
        if (exchange.path === '/first') return { status: 200 };
        exchange.signal.addEventListener('abort', () => seen.push(currentContext()?.['requestId']));
        return aborted(exchange);
      },
      { middleware: [requestId(), requestContext(), timeout('100ms')] },
    );
    const { url } = await serve(listener);
    const [first, late] = await Promise.all(['/first', '/late'].map((path) => fetch(url + path)));
    expect([first?.status, late?.status, seen]).toEqual([200, 503, [undefined]]);
  });

  it('answers 504 where it is told to', async () => {
    const answer = await fetch(await start('30ms', aborted, { status: 504 }));
    expect([answer.status, await codeOf(answer)]).toEqual([504, 'middleware.upstream_timed_out']);
  });

  it('leaves alone what is in time, and what it throws', async () => {
    const url = await start('1h', async ({ path }) => {
      if (path === '/fails') throw new ConflictError('twice');
      return { status: 201 };
    });
    expect([(await fetch(url)).status, (await fetch(`${url}/fails`)).status]).toEqual([201, 409]);
  });

  it('covers the hooks after it, the reading of the body among them', async () => {
    const middleware = [timeout('30ms'), { name: 'slow', before: () => new Promise<undefined>(() => {}) }];
    const { url } = await serve(createNodeListener(() => ({ status: 200 }), { middleware }));
    expect((await fetch(url)).status).toBe(503);
    const reading = await serve(
      createNodeListener(async (exchange) => ({ status: 200, body: await exchange.bytes(10) }), {
        middleware: [timeout('30ms')],
      }),
    );
    const text = await reading.raw('POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nab');
    expect(text).toMatch(/^HTTP\/1.1 503 /);
  });

  it('throws away a late answer, closes its stream, and publishes a late error', async () => {
    const failed: HookOperation[] = [];
    const error = (operation: HookOperation): void => void failed.push(operation);
    const listeners = { start() {}, end() {}, asyncStart() {}, asyncEnd() {}, error };
    channels.hook.subscribe(listeners);
    onTestFinished(() => {
      channels.hook.unsubscribe(listeners);
    });
    const body = Readable.from(['late']);
    const url = await start('30ms', async (exchange) => {
      await aborted(exchange).catch(() => {});
      if (exchange.path === '/fails') throw new Error('late');
      return { status: 200, body };
    });
    expect((await fetch(url)).status).toBe(503);
    await eventually(() => expect(body.destroyed).toBe(true));
    expect((await fetch(`${url}/fails`)).status).toBe(503);
    await eventually(() =>
      expect(failed).toEqual([
        expect.objectContaining({ middleware: 'timeout', hook: 'wait', error: new Error('late') }),
      ]),
    );
  });

  it('lets a stream go on that began in time', async () => {
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const signals: boolean[] = [];
    const { url } = await serve(
      createNodeListener(
        async ({ signal }) => ({
          status: 200,
          body: (async function* () {
            yield 'a';
            await held;
            signals.push(signal.aborted);
            yield 'b';
          })(),
        }),
        { middleware: [timeout('20ms'), { name: 'other', before: () => void setTimeout(go, 60) }] },
      ),
    );
    expect(await (await fetch(url)).text()).toBe('ab');
    expect(signals).toEqual([false]);
  });

  it('only aborts the signal of a handler that has begun to write by itself', async () => {
    const url = await start('30ms', async (exchange) => {
      exchange.res.write('begun ');
      await aborted(exchange).catch(() => {});
      exchange.res.end('and ended');
      return undefined;
    });
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([200, 'begun and ended']);
  });

  it.each([
    ['30', 503],
    ['0', 503],
    ['99999999999', 200],
    ['soon', 200],
    ['-1', 200],
    ['1e1', 200],
    ['30, 40', 200],
  ])('goes by a shorter limit of the caller, if it is told to: %s, %i', async (value, status) => {
    let go = (): void => {};
    const url = await start(
      '1h',
      (exchange) =>
        new Promise((resolve) => {
          go = () => resolve({ status: 200 });
          if (status === 200) go();
          else exchange.signal.addEventListener('abort', go);
        }),
      { header: 'X-Request-Timeout-Ms' },
    );
    const answer = await fetch(url, { headers: { 'x-request-timeout-ms': value } });
    expect(answer.status).toBe(status);
    if (status === 503) expect(((await answer.json()) as { code: string }).code).toBe('middleware.timed_out');
  });

  it('does not read the limit of a caller by itself', async () => {
    const handler = vi.fn(async () => ({ status: 200 }));
    const url = await start('1h', handler);
    expect((await fetch(url, { headers: { 'x-request-timeout-ms': '0' } })).status).toBe(200);
  });

  it.each<[string, () => unknown]>([
    ['no limit', () => timeout(undefined as never)],
    ['a limit of zero', () => timeout(0)],
    ['a limit that is none', () => timeout('soon')],
    ['another status', () => timeout('1s', { status: 500 as never })],
    ['a header that is no text', () => timeout('1s', { header: 5 as never })],
    ['a misspelt option', () => timeout('1s', { code: 503 } as never)],
  ])('refuses %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
  });
});
