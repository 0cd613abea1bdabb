import { once } from 'node:events';
import { connect } from 'node:net';
import { freePorts } from '@ent/testkit';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createHealth, createLifecycle, lifecycleErrors, stopOnSignals } from '../src/index.ts';

const invalid = expect.objectContaining({ code: 'lifecycle.invalid_options' }) as Error;

describe('a check', () => {
  it.each([() => false, async () => false])('that answers false fails', async (check) => {
    const health = createHealth();
    health.phase = 'ready';
    health.register('queue', { check });
    const { statusCode, body } = await health.ready();
    expect(statusCode).toBe(503);
    expect(body.checks?.['queue:responseTime']?.[0]).toMatchObject({
      status: 'fail',
      output: 'lifecycle.check_failed',
    });
  });

  it.each([undefined, null, 0, '', true, {}])('that answers %j passes', async (answer) => {
    const health = createHealth();
    health.phase = 'ready';
    health.register('queue', { check: () => answer });
    expect((await health.ready()).statusCode).toBe(200);
  });

  it('is asked again after its time, also when the wall clock was set back by an hour', async () => {
    const wall = { time: Date.UTC(2030, 0, 1, 12) };
    let passed = 0;
    let works = true;
    const health = createHealth({ now: () => wall.time, elapsed: () => passed });
    health.phase = 'ready';
    health.register('database', {
      check: () => {
        if (!works) throw new Error('down');
      },
    });
    expect((await health.ready()).statusCode).toBe(200);
    works = false;
    wall.time -= 3_600_000;
    passed = 999;
    expect((await health.ready()).statusCode).toBe(200);
    passed = 1001;
    expect((await health.ready()).statusCode).toBe(503);
  });

  it('takes the time of a monotonic clock by itself', async () => {
    const health = createHealth();
    health.phase = 'ready';
    let calls = 0;
    health.register('x', { check: () => void calls++, cacheFor: '10s' });
    await health.ready();
    const back = vi.spyOn(Date, 'now').mockReturnValue(0);
    onTestFinished(() => back.mockRestore());
    const { body } = await health.ready();
    expect(calls).toBe(1);
    expect(body.checks?.['x:responseTime']?.[0]?.observedValue).toBeGreaterThanOrEqual(0);
  });
});

describe('times of more than 2^31 milliseconds', () => {
  it('are waited for, and do not ring at once', async () => {
    const warned = vi.fn();
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    let aborted = false;
    const app = createLifecycle({ startTimeout: '30d', stopTimeout: '30d' }).add('slow', {
      async start(signal) {
        signal.addEventListener('abort', () => (aborted = true));
        for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
      },
      async stop(signal) {
        for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
        expect(signal.aborted).toBe(false);
      },
      check: () => 'fine',
      health: { timeout: '60d', cacheFor: '60d' },
    });
    await app.start();
    expect((await app.health.ready()).statusCode).toBe(200);
    await app.stop();
    expect(aborted).toBe(false);
    await new Promise(setImmediate);
    expect(warned).not.toHaveBeenCalled();
  });
});

describe('"did not start"', () => {
  const failing = async (error: unknown): Promise<unknown> =>
    createLifecycle()
      .add('part', {
        start() {
          throw error;
        },
      })
      .start()
      .catch((thrown: unknown) => thrown);

  it('tells the reason of each address of a name that has two, both dead', async () => {
    const [port] = (await freePorts(1)) as [number];
    const app = createLifecycle().add('database', {
      async start() {
        const lookup = (_host: string, _options: unknown, done: (error: null, all: object[]) => void): void =>
          done(null, [
            { address: '127.0.0.1', family: 4 },
            { address: '::1', family: 6 },
          ]);
        const socket = connect({ host: 'db.example', port, autoSelectFamily: true, lookup: lookup as never });
        await once(socket, 'connect');
      },
    });
    await expect(app.start()).rejects.toMatchObject({
      code: 'lifecycle.start_failed',
      message: expect.stringMatching(/"database" did not start: .*127\.0\.0\.1.*; .*::1/) as string,
    });
  });

  /** As node makes them: without words of its own. */
  const wordless = <E extends Error>(error: E): E => Object.assign(error, { message: '' });
  const several = (...errors: Error[]): Error => wordless(new AggregateError(errors, 'several'));
  const many = Array.from({ length: 20 }, (_, i) => new Error(`e${i}`));

  it.each<[string, unknown, string]>([
    ['an error without a message', wordless(new TypeError('x')), 'TypeError'],
    ['several', several(new Error('a'), new Error('b')), 'a; b'],
    ['several with a message', new AggregateError([new Error('a'), new Error('a')], 'all failed'), 'all failed (a)'],
    ['several in several', several(several(new Error('a')), new Error('b')), 'a; b'],
    ['ours among several', several(lifecycleErrors.check_failed('No.')), 'No.'],
    ['many', several(...many), 'and 12 more'],
  ])('tells %s', async (_name, error, text) => {
    expect(await failing(error)).toMatchObject({ message: expect.stringContaining(text) as string, cause: error });
  });
});

it('unknown options are refused', () => {
  expect(() => createLifecycle({ starTimeout: '1s' } as never)).toThrow(invalid);
  expect(() => createLifecycle(null as never)).toThrow(invalid);
  expect(() => createHealth({ serviceID: 'x' } as never)).toThrow(invalid);
  expect(() => createHealth().register('x', { check() {}, critcal: true } as never)).toThrow(invalid);
  expect(() => stopOnSignals(createLifecycle(), { signal: [] } as never)).toThrow(invalid);
});
