import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createCache } from '../src/cache.ts';
import { memory } from '../src/drivers/memory/index.ts';

describe('a load in the background', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('ends after a minute, where its caller named no hard timeout', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
    const cache = createCache({ driver: memory() });
    const options = { ttl: 1_000, grace: '1h', softTimeout: 0 } as const;
    await cache.getOrSet('k', () => 'old', options);
    await vi.advanceTimersByTimeAsync(2_000);
    let signal: AbortSignal | undefined;
    const hanging = ({ signal: given }: { signal: AbortSignal }): Promise<string> => {
      signal = given;
      return new Promise(() => {});
    };
    const early = cache.getOrSet('k', hanging, options);
    await vi.advanceTimersByTimeAsync(1);
    expect(await early).toBe('old');
    await vi.advanceTimersByTimeAsync(59_000);
    expect(signal!.aborted).toBe(false);
    const joined = cache.getOrSet('k', () => 'own');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await joined).toBe('own');
    expect(signal!.reason).toMatchObject({ code: 'cache.load_timeout' });
    expect(await cache.get('k')).toBe('own');
  });

  it('does not keep a process whose cache was closed', async () => {
    const child = fork(join(import.meta.dirname, 'fixtures/close-during-loads.ts'), {
      execArgv: ['--conditions=@ent/source'],
      stdio: 'inherit',
    });
    try {
      expect((await once(child, 'message'))[0]).toBe('closed');
      expect(await once(child, 'exit')).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
