import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { channels, type Component, createLifecycle } from '../src/index.ts';

function recorder() {
  const log: string[] = [];
  const part = (name: string) => ({
    start: () => void log.push(`start ${name}`),
    stop: () => void log.push(`stop ${name}`),
  });
  return { log, part };
}

describe('createLifecycle', () => {
  it('starts in the order of adding and stops in reverse', async () => {
    const { log, part } = recorder();
    const app = createLifecycle().add('a', part('a')).add('b', part('b')).add('c', part('c'));
    expect(app.state).toBe('idle');
    await app.start();
    expect(app.state).toBe('ready');
    await app.stop();
    expect(app.state).toBe('stopped');
    expect(log).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  });

  it('waits for a part before it starts the next', async () => {
    const { log, part } = recorder();
    const slow = Promise.withResolvers<void>();
    const app = createLifecycle()
      .add('slow', { start: () => slow.promise })
      .add('next', part('next'));
    const started = app.start();
    await setImmediate();
    expect(log).toEqual([]);
    slow.resolve();
    await started;
    expect(log).toEqual(['start next']);
    await app.stop();
  });

  it('stops what had started when a part fails, and throws the error of that part', async () => {
    const { log, part } = recorder();
    const cause = new Error('connection refused');
    const app = createLifecycle()
      .add('a', part('a'))
      .add('b', {
        start: () => Promise.reject(cause),
        stop: () => void log.push('stop b'),
      })
      .add('c', part('c'));
    await expect(app.start()).rejects.toMatchObject({
      code: 'lifecycle.start_failed',
      cause,
      details: { component: 'b' },
      message: expect.stringContaining('"b" did not start: connection refused'),
    });
    expect(log).toEqual(['start a', 'stop a']);
    expect(app.state).toBe('failed');
    expect(app.health.startup().statusCode).toBe(503);
  });

  it('gives up on a part that does not start in time, and stops it if it starts after all', async () => {
    const late = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    let signal: AbortSignal | undefined;
    const app = createLifecycle({ startTimeout: 20 }).add('stuck', {
      start: (given) => {
        signal = given;
        return late.promise;
      },
      stop: () => stopped.resolve(),
    });
    await expect(app.start()).rejects.toMatchObject({
      code: 'lifecycle.start_timeout',
      details: { component: 'stuck' },
    });
    expect(signal?.aborted).toBe(true);
    late.resolve();
    await stopped.promise;
  });

  it('stops every part even when some fail or hang, and reports each', async () => {
    const { log, part } = recorder();
    const app = createLifecycle({ stopTimeout: 30 })
      .add('a', part('a'))
      .add('throws', { stop: () => Promise.reject(new Error('busy')) })
      .add('hangs', { stop: () => new Promise(() => {}) });
    await app.start();
    const error = await app.stop().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map((one: { code: string }) => one.code)).toEqual([
      'lifecycle.stop_timeout',
      'lifecycle.stop_failed',
    ]);
    expect(log).toEqual(['start a', 'stop a']);
  });

  it('gives each part its own time to start, where it has one', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const hangs = { start: () => new Promise(() => {}) };
    const startOf = async (part: Component, ms: number): Promise<unknown> => {
      const app = createLifecycle({ startTimeout: '30s' }).add('part', part);
      let error: unknown;
      app.start().catch((thrown: unknown) => (error = thrown));
      await vi.advanceTimersByTimeAsync(ms - 1);
      expect(error).toBeUndefined();
      await vi.advanceTimersByTimeAsync(1);
      return error;
    };
    for (const [part, ms] of [
      [hangs, 30_000],
      [{ ...hangs, startTimeout: '90s' }, 90_000],
      [{ ...hangs, startTimeout: 50 }, 50],
    ] as const) {
      expect(await startOf(part, ms)).toMatchObject({ message: `"part" did not start within ${ms} ms.` });
    }
  });

  it('leaves time for the parts after one that hangs, where that has a time of its own', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { log } = recorder();
    const app = createLifecycle({ stopTimeout: '20s' })
      .add('slow', { stop: () => new Promise<void>((end) => setTimeout(() => (log.push('stop slow'), end()), 10_000)) })
      .add('hangs', { stopTimeout: '5s', stop: () => new Promise(() => {}) });
    await app.start();
    const stopped = app.stop().catch((thrown: unknown) => thrown);
    await vi.advanceTimersByTimeAsync(15_000);
    const { errors } = (await stopped) as AggregateError;
    expect(errors).toMatchObject([{ code: 'lifecycle.stop_timeout', details: { component: 'hangs' } }]);
    expect(log).toEqual(['stop slow']);
  });

  it('stops no part later than all may take, whatever it says itself', async () => {
    const app = createLifecycle({ stopTimeout: 30 }).add('hangs', {
      stopTimeout: '1h',
      stop: () => new Promise(() => {}),
    });
    await app.start();
    await expect(app.stop()).rejects.toMatchObject({ errors: [{ code: 'lifecycle.stop_timeout' }] });
  });

  it('starts a part after those that it names, and else in the order of adding', async () => {
    const { log, part } = recorder();
    const app = createLifecycle()
      .add('http', { ...part('http'), after: ['views', 'cache'] })
      .add('logs', part('logs'))
      .add('views', { ...part('views'), after: ['database'] })
      .add('cache', part('cache'))
      .add('database', part('database'));
    await app.start();
    await app.stop();
    const order = ['database', 'views', 'cache', 'http', 'logs'];
    expect(log).toEqual([...order.map((name) => `start ${name}`), ...order.toReversed().map((name) => `stop ${name}`)]);
  });

  it.each<[string, Readonly<Record<string, readonly string[]>>, string]>([
    ['a name that is none', { http: ['databse'] }, 'start: "http" comes after "databse", which was not added.'],
    ['a circle', { a: ['b'], b: ['c'], c: ['b'] }, 'start: the parts wait for each other: "b" after "c" after "b".'],
    ['itself', { a: ['a'] }, 'start: the parts wait for each other: "a" after "a".'],
  ])('starts nothing where a part waits for %s', async (_, parts, message) => {
    const { log, part } = recorder();
    const app = createLifecycle().add('first', part('first'));
    for (const [name, after] of Object.entries(parts)) app.add(name, { ...part(name), after });
    await expect(app.start()).rejects.toMatchObject({ code: 'lifecycle.invalid_options', message });
    expect(log).toEqual([]);
    expect(app.state).toBe('failed');
  });

  it.each<[object, string]>([
    [{ startTimeout: '5x' }, 'startTimeout of "part" must be'],
    [{ stopTimeout: -1 }, 'stopTimeout of "part" must be'],
    [{ after: 'database' }, 'add: after of "part" must be a list of names; got a string.'],
    [{ after: [1] }, 'add: after of "part" must be a list of names; got an array.'],
  ])('refuses a part with %j', (options, message) => {
    expect(() => createLifecycle().add('part', options)).toThrow(
      expect.objectContaining({
        code: 'lifecycle.invalid_options',
        message: expect.stringContaining(message) as string,
      }),
    );
  });

  it('aborts the start when it is stopped meanwhile', async () => {
    const { log, part } = recorder();
    const app = createLifecycle()
      .add('a', part('a'))
      .add('slow', {
        start: (signal) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      })
      .add('c', part('c'));
    const started = app.start();
    started.catch(() => {});
    while (log.length === 0) await setImmediate();
    await app.stop();
    await expect(started).rejects.toMatchObject({ code: 'lifecycle.start_aborted' });
    expect(log).toEqual(['start a', 'stop a']);
  });

  it('fails readiness before it stops anything, and still passes liveness', async () => {
    let seen: unknown;
    const app = createLifecycle({ drainDelay: 20 });
    app.add('http', {
      stop: async () => {
        seen = (await app.health.ready()).body;
      },
    });
    await app.start();
    expect((await app.health.ready()).statusCode).toBe(200);
    const stopped = app.stop();
    expect(app.state).toBe('draining');
    expect((await app.health.ready()).statusCode).toBe(503);
    expect(app.health.live().statusCode).toBe(200);
    await stopped;
    expect(seen).toMatchObject({ status: 'fail', output: 'stopping' });
  });

  it('stops once, whoever asks, and does not start again', async () => {
    let stops = 0;
    const app = createLifecycle().add('a', { stop: () => void stops++ });
    await app.start();
    await Promise.all([app.stop(), app.stop()]);
    expect(stops).toBe(1);
    await expect(app.start()).rejects.toMatchObject({ code: 'lifecycle.wrong_state' });
    expect(() => app.add('late', {})).toThrow(/"late" was added after the start began/);
  });

  it('publishes each start and stop with the name of the part', async () => {
    const seen: string[] = [];
    const listener = (event: string) => (message: object) =>
      void seen.push(`${event} ${(message as { component: string }).component}`);
    const handlers = { asyncEnd: listener('done'), error: listener('error') };
    channels.start.subscribe(handlers as never);
    try {
      const app = createLifecycle()
        .add('a', {})
        .add('b', { start: () => Promise.reject(new Error('no')) });
      await expect(app.start()).rejects.toThrow();
    } finally {
      channels.start.unsubscribe(handlers as never);
    }
    expect(seen).toEqual(['done a', 'error b', 'done b']);
  });

  it.each(['startTimeout', 'stopTimeout', 'drainDelay'])('refuses a %s that is no duration, by name', (option) => {
    expect(() => createLifecycle({ [option]: '5x' })).toThrow(
      expect.objectContaining({
        code: 'lifecycle.invalid_options',
        message: expect.stringMatching(`^${option} must be`),
      }),
    );
  });

  it('takes a drain delay that setTimeout would not', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const app = createLifecycle({ drainDelay: '30d' });
      await app.start();
      const stopped = app.stop();
      await vi.advanceTimersByTimeAsync(29 * 86_400_000);
      expect(app.state).toBe('draining');
      await vi.advanceTimersByTimeAsync(86_400_000);
      await stopped;
      expect(app.state).toBe('stopped');
    } finally {
      vi.useRealTimers();
    }
  });
});
