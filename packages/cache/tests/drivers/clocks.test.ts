// Processes whose clocks disagree.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { openCache } from '../../src/open.ts';

const HOUR_MS = 3_600_000;

function loadsOnce(urlOf: () => string): void {
  it.each([
    ['ahead', HOUR_MS],
    ['behind', -HOUR_MS],
  ])('waits for a load that is under way, with a clock an hour %s', async (_, aheadMs) => {
    const prefix = uniqueName('clocks');
    const cache = await openCache(urlOf(), { prefix, lease: '4s', timeout: '1m' });
    const script = join(import.meta.dirname, 'fixtures/other-clock.ts');
    const child = fork(script, [urlOf(), prefix, String(aheadMs)], { execArgv: ['--conditions=@ent/source'] });
    try {
      await once(child, 'message');
      const begun = Promise.withResolvers<void>();
      const end = Promise.withResolvers<string>();
      const loading = cache.getOrSet('k', () => {
        begun.resolve();
        return end.promise;
      });
      await begun.promise;
      const answer = once(child, 'message');
      child.send('go');
      // Longer than the lease, which is renewed meanwhile.
      await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 5_500))]);
      end.resolve('ours');
      expect((await answer)[0]).toEqual({ value: 'ours', ran: false });
      expect(await loading).toBe('ours');
    } finally {
      child.kill('SIGKILL');
      await cache.close();
    }
  });
}

describeWithServer('redis', (server) => loadsOnce(() => server.url));
describeWithServer('memcached', (server) => loadsOnce(() => `memcached://${server.host}:${server.port}`));
