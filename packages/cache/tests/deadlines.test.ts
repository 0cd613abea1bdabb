import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EntError } from '@ent/errors';
import { expect, it } from 'vitest';
import { createCache } from '../src/cache.ts';
import type { DriverCall } from '../src/driver.ts';
import { bytesDriver } from './fixtures/bytes-driver.ts';

/** What a process prints that makes three calls, one after the other, and is then left to itself. */
async function threeCalls(kind: 'prompt' | 'silent', timeout: string): Promise<string[]> {
  const script = join(import.meta.dirname, 'fixtures/one-call.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@ent/source', script, kind, timeout], {
    timeout: 110_000,
  });
  return stdout.trim().split('\n');
}

it('a deadline that is still far away does not keep the process', async () => {
  expect(await threeCalls('prompt', '1000s')).toEqual(['an answer', 'an answer', 'an answer']);
});

it('a call without an answer keeps the process until its deadline, though nothing else does', async () => {
  expect(await threeCalls('silent', '0.1s')).toEqual(['cache.timeout', 'cache.timeout', 'cache.timeout']);
});

it('each of several calls has its own, and one that is answered has none', async () => {
  const driver = bytesDriver();
  const answers: (() => void)[] = [];
  const get: typeof driver.get = (keys, call) =>
    new Promise((resolve) => answers.push(() => void driver.get(keys, call).then(resolve)));
  const cache = createCache({ driver: { ...driver, get }, timeout: '2s', breaker: false });
  const ended: string[] = [];
  const begin = async (name: string): Promise<void> => {
    ended.push(
      await cache.get(name).then(
        () => `${name} answered`,
        (error: unknown) => `${name} ${(error as EntError).code}`,
      ),
    );
  };
  const calls: Promise<void>[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    calls.push(begin(name));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  answers[1]!();
  await calls[0];
  // The last was begun after the first, and is not ended with it.
  calls.push(begin('e'));
  answers[4]!();
  await Promise.all(calls);
  expect(ended.toSorted()).toEqual([
    'a cache.timeout',
    'b answered',
    'c cache.timeout',
    'd cache.timeout',
    'e answered',
  ]);
  // An answer that comes after the deadline changes nothing.
  for (const answer of answers) answer();
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toHaveLength(5);
});

it('tells a driver when its call ends, by a signal that aborts then and not once the call has ended', async () => {
  const driver = bytesDriver();
  const seen: DriverCall[] = [];
  const get: typeof driver.get = async (keys, call) => {
    seen.push(call);
    if (keys[0] === 'prompt') return driver.get(keys, call);
    await new Promise((_, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason as Error)));
    return [];
  };
  const cache = createCache({ driver: { ...driver, get }, timeout: '100ms', breaker: false });
  const began = performance.now();
  await cache.get('prompt');
  const silent = await cache.get('silent').catch((error: unknown) => error);
  const [prompt, late] = seen as [DriverCall, DriverCall];
  expect(silent).toMatchObject({ code: 'cache.timeout' });
  expect(late.signal.reason).toBe(silent);
  expect(late.deadlineAt).toBeGreaterThanOrEqual(began + 100);
  expect(late.deadlineAt).toBeLessThanOrEqual(performance.now());
  expect(prompt.signal.aborted).toBe(false);
});

it('hands out an aborted signal also to who asks for it too late', async () => {
  const driver = bytesDriver();
  let seen: DriverCall | undefined;
  const get: typeof driver.get = (_, call) => {
    seen = call;
    return new Promise(() => {});
  };
  const cache = createCache({ driver: { ...driver, get }, timeout: '50ms', breaker: false });
  await expect(cache.get('k')).rejects.toMatchObject({ code: 'cache.timeout' });
  expect(seen!.signal.aborted).toBe(true);
});
