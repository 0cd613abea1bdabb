import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { currentContext, runWithContext } from '@ent/internal';
import { describe, expect, it } from 'vitest';
import { memory } from '../src/drivers/memory.ts';
import { createMessaging } from '../src/index.ts';
import { ordinary } from './support.ts';

const run = promisify(execFile);

describe('a subscription that is made in a transaction or a request', () => {
  it.each(['retrying', 'plain'])('has handlers outside of it (%s broker)', async (kind) => {
    // As @ent/database keeps its transaction.
    const transaction = new AsyncLocalStorage<string>();
    const driver = kind === 'plain' ? ordinary(memory()) : memory();
    const messaging = createMessaging({ driver });
    const seen: unknown[] = [];
    await transaction.run('ended', () =>
      runWithContext({ requestId: 'r1' }, () =>
        messaging.subscribe('t', { group: 'g', backoff: { base: 1 } }, (_message, { attempt }) => {
          seen.push([transaction.getStore(), currentContext()]);
          if (attempt === 1) throw new Error('again');
        }),
      ),
    );
    await messaging.publish('t', 1, { id: 'm1', correlationId: 'c1' });
    await expect.poll(() => seen.length).toBe(2);
    const outside = [undefined, { messageId: 'm1', correlationId: 'c1' }];
    expect(seen).toEqual([outside, outside]);
    await messaging.close();
  });

  it('has them outside after its connection was replaced, too', async () => {
    const transaction = new AsyncLocalStorage<string>();
    const driver = memory();
    const messaging = createMessaging({ driver });
    const seen: unknown[] = [];
    await transaction.run('ended', () =>
      messaging.subscribe('t', { group: 'g' }, () => seen.push(transaction.getStore())),
    );
    driver.client.disconnect();
    await transaction.run('of the publisher', () => messaging.publish('t', 1));
    await expect.poll(() => seen.length).toBe(1);
    expect(seen).toEqual([undefined]);
    await messaging.close();
  });
});

describe('closing, as the last thing that a program does', () => {
  it.each(['messaging', 'subscription'])('is waited for (%s)', async (what) => {
    const program = join(import.meta.dirname, 'fixtures', 'closing.ts');
    const { stdout } = await run(process.execPath, ['--conditions=@ent/source', program, what]);
    expect(stdout).toBe('closed\n');
  });
});

describe('lengths of time beyond what a timer of Node.js takes', () => {
  it('are as long as they say', async () => {
    const driver = memory({ lease: '60d' });
    const messaging = createMessaging({ driver, timeout: '30d' });
    const signals: AbortSignal[] = [];
    const { promise: held, resolve: finish } = Promise.withResolvers<void>();
    const options = { group: 'g', timeout: '30d', backoff: { base: '30d', max: '90d', jitter: 0 } } as const;
    await messaging.subscribe('t', options, async ({ data }, { signal }) => {
      signals.push(signal);
      if (data === 'fails') throw new Error('later');
      await held;
    });
    await messaging.publish('t', 'fails');
    await expect.poll(() => driver.client.count('t', 'g')?.delayed).toBe(1);
    await messaging.publish('t', 'takes long');
    await expect.poll(() => signals.length).toBe(2);
    // What was too long for a timer rang after one millisecond.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    expect(driver.client.count('t', 'g')).toEqual({ ready: 0, delayed: 1, leased: 1 });
    finish();
    await messaging.close({ timeout: '30d' });
  });
});

describe('many messages', () => {
  it.each([
    ['handlers that end at once', false],
    ['handlers that take a turn', true],
  ])('are handled one at a time without filling the stack: %s', async (_name, takesTurn) => {
    const messaging = createMessaging({ driver: memory() });
    let handled = 0;
    await messaging.subscribe('t', { group: 'g', concurrency: 1, prefetch: 20_000 }, () => {
      handled++;
      return takesTurn ? Promise.resolve() : undefined;
    });
    await messaging.publishMany(
      't',
      Array.from({ length: 20_000 }, (_, data) => ({ data })),
    );
    await expect.poll(() => handled).toBe(20_000);
    await messaging.close();
  });

  it('that come back all at once come in their order', async () => {
    const driver = memory();
    const messaging = createMessaging({ driver });
    const call = { deadlineAt: performance.now() + 60_000, signal: new AbortController().signal };
    await driver.ensure({ topic: 't', group: 'g' }, call);
    await messaging.publishMany(
      't',
      Array.from({ length: 30_000 }, (_, data) => ({ data })),
    );
    const source = await driver.subscribe({ topic: 't', group: 'g', prefetch: 30_000 }, call);
    const taken = await source.receive(30_000, call.signal);
    // Back to front, and some only later.
    await source.settle(taken.slice(0, 10).map(({ token }) => ({ token, action: 'retry', delayMs: 1 })));
    await source.settle(
      taken
        .slice(20_000)
        .toReversed()
        .map(({ token }) => ({ token, action: 'release' })),
    );
    driver.client.disconnect();
    await expect.poll(() => driver.client.count('t', 'g')).toEqual({ ready: 30_000, delayed: 0, leased: 0 });
    const again = await driver.subscribe({ topic: 't', group: 'g', prefetch: 30_000 }, call);
    const order = (await again.receive(30_000, call.signal)).map(({ message }) => Buffer.from(message.body).toString());
    expect(order).toEqual(Array.from({ length: 30_000 }, (_, n) => String(n)));
    await messaging.close();
  });
});
