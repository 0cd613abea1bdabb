import { AsyncLocalStorage } from 'node:async_hooks';
import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { operationChannel, traced } from '../src/index.ts';

const channel = operationChannel<{ name: string; rows?: number }>('internal-test', 'traced');
const seen: unknown[] = [];
const handlers = {
  start: (event: object) => void seen.push(['start', { ...event }]),
  end() {},
  asyncStart() {},
  asyncEnd: (event: object) => void seen.push(['end', { ...event }]),
  error: (event: object) => void seen.push(['error', { ...event }]),
};

afterEach(() => {
  channel.unsubscribe(handlers);
  seen.length = 0;
});

describe('traced', () => {
  it('gives what the work gives, and keeps it from the subscribers', async () => {
    channel.subscribe(handlers);
    const result = await traced(channel, { name: 'find' }, async (event: { rows?: number }) => {
      event.rows = 2;
      return ['a secret', 'row'];
    });
    expect(result).toEqual(['a secret', 'row']);
    expect(JSON.stringify(seen)).not.toContain('secret');
    expect(seen.at(-1)).toEqual(['end', expect.objectContaining({ name: 'find', rows: 2 })]);
  });

  it('gives undefined back as undefined', async () => {
    channel.subscribe(handlers);
    expect(await traced(channel, { name: 'get' }, async () => undefined)).toBeUndefined();
  });

  it('rejects with the very error of the work', async () => {
    channel.subscribe(handlers);
    const error = new Error('no');
    await expect(traced(channel, { name: 'find' }, () => Promise.reject(error))).rejects.toBe(error);
    expect(seen.map((each) => (each as string[])[0])).toContain('error');
  });

  it('calls the work directly when nobody listens', async () => {
    expect(await traced(channel, { name: 'find' }, async () => 7)).toBe(7);
    expect(seen).toEqual([]);
  });
});

describe('the events', () => {
  interface Told {
    readonly event: string;
    readonly error: unknown;
    readonly store: unknown;
  }
  const failure = new Error('no');

  /** What is published while `work` runs, with the async context that each subscriber sees. */
  async function told(
    tracing: TracingChannel<object, object>,
    work: (payload: object) => unknown,
  ): Promise<{ events: Told[]; payloads: Set<unknown>; atOnce: number }> {
    const context = new AsyncLocalStorage<object>();
    const events: Told[] = [];
    const payloads = new Set<unknown>();
    const listener = Object.fromEntries(
      (['start', 'end', 'error', 'asyncStart', 'asyncEnd'] as const).map((event) => [
        event,
        (payload: { error?: unknown }) => {
          payloads.add(payload);
          events.push({ event, error: payload.error, store: context.getStore() });
        },
      ]),
    );
    tracing.start.bindStore(context, () => ({ of: 'the operation' }));
    tracing.subscribe(listener as never);
    try {
      const answer = context.run({ of: 'the caller' }, () => {
        try {
          return work({});
        } catch {
          return undefined;
        }
      });
      const atOnce = events.length;
      await Promise.resolve(answer).catch(() => {});
      return { events, payloads, atOnce };
    } finally {
      tracing.unsubscribe(listener as never);
      tracing.start.unbindStore(context);
    }
  }

  it.each<[string, () => unknown, () => Promise<unknown>]>([
    ['answers', () => 1, async () => 1],
    [
      'fails',
      () => {
        throw failure;
      },
      () => Promise.reject(failure),
    ],
  ])('are those of tracePromise, and all there at once where the work %s at once', async (_, now, later) => {
    const own = operationChannel<object>('internal-test', 'order');
    const nodes = tracingChannel<object, object>('test:order');
    const expected = await told(nodes, (payload) => nodes.tracePromise(later, payload));
    const promised = await told(own, (payload) => traced(own, payload, later));
    const atOnce = await told(own, (payload) => traced(own, payload, now));
    expect(promised.events).toEqual(expected.events);
    expect(atOnce.events).toEqual(expected.events);
    expect(atOnce.atOnce).toBe(expected.events.length);
    expect([promised.payloads.size, atOnce.payloads.size]).toEqual([1, 1]);
    expect(expected.events.map(({ event }) => event)).toContain('asyncEnd');
  });

  it('do not turn an answer into a promise', () => {
    channel.subscribe(handlers);
    expect(traced(channel, { name: 'get' }, () => 7)).toBe(7);
    expect(() =>
      traced(channel, { name: 'get' }, () => {
        throw failure;
      }),
    ).toThrow(failure);
  });
});
