// Each alert whose fault can be made fires when it is made: a real Prometheus on a real service, whose database, cache
// and broker are away or slow. The rules are those of infrastructure/, with shorter windows and without the patience of
// `for`.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openMessaging } from '@ent/messaging/open';
import { type FaultProxy, startProxy } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { client } from './client.ts';
import { isSkipped, type Prometheus, rules, startPrometheus, why } from './prometheus.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

/** The rules as they are, but for how long they look back, and how long a condition has to last. */
function impatientRules(folder: string): string {
  const copy = join(folder, 'rules');
  mkdirSync(copy);
  for (const file of readdirSync(rules)) {
    const text = readFileSync(join(rules, file), 'utf8');
    writeFileSync(join(copy, file), text.replace(/\[\d+[mhd]\]/g, '[1m]').replace(/^ +for: .*\n/gm, ''));
  }
  return copy;
}

describe.skipIf(isSkipped)(`alerts${why}`, () => {
  describeWithServer('postgres', (postgres) => {
    describeWithServer('redis', (redis) => {
      const folder = temporaryFolder();
      let database: FaultProxy;
      let cache: FaultProxy;
      let broker: FaultProxy;
      let service: Service;
      let prometheus: Prometheus;
      let token: string;
      let read: string;
      let changed: string;

      beforeAll(async () => {
        database = await postgres.proxy();
        cache = await startProxy(redis.url);
        broker = await startProxy(redis.url);
        const env = {
          DATABASE_URL: database.url,
          CACHE_URL: cache.url,
          BROKER_URL: broker.url,
          RATE_LIMIT_PER_MINUTE: '1000000',
        };
        service = await start(folder.path, settings(folder.path, env));
        token = (await client(service.url).loginAdmin()).access_token;
        // What was changed while the cache is away is read around it.
        read = `/api/v1/users/${(await client(service.url).newUser()).id}`;
        changed = `/api/v1/users/${(await client(service.url).newUser()).id}`;
        prometheus = await startPrometheus({
          target: service.url,
          folder: folder.path,
          rules: impatientRules(folder.path),
          scrapeEvery: '2s',
        });
      });
      afterAll(async () => {
        prometheus?.kill();
        await service?.kill();
        await Promise.all([database, cache, broker].map((proxy) => proxy?.close()));
        folder.remove();
      });

      const firing = async (): Promise<string[]> => {
        interface Alert {
          state: string;
          labels: { alertname: string; check?: string };
        }
        const { alerts } = await prometheus.ask<{ alerts: Alert[] }>('alerts');
        return alerts
          .filter(({ state }) => state === 'firing')
          .map(({ labels: { alertname, check } }) => (check === undefined ? alertname : `${alertname}: ${check}`));
      };
      /** What users and probes do, again and again until the test is over; what is answered does not matter. */
      const keepAsking = (callers: number): void => {
        let isOver = false;
        onTestFinished(() => void (isOver = true));
        const { call } = client(service.url);
        const ask = async (): Promise<void> => {
          while (!isOver) {
            const calls = [
              call('GET', '/api/v1/users/', { token }),
              call('GET', read, { token }),
              call('PUT', changed, { token, body: { name: `${performance.now()}` } }),
              call('GET', '/health'),
            ];
            await Promise.allSettled(calls);
            await sleep(50);
          }
        };
        for (let n = 0; n < callers; n++) void ask();
      };
      const fire = async (...names: string[]): Promise<void> => {
        await expect.poll(firing, { interval: 500, timeout: 150_000 }).toEqual(expect.arrayContaining(names));
      };

      it('are silent while all is well', async () => {
        keepAsking(1);
        const query = 'job:http_errors:ratio_rate5m';
        const isWatched = async () => (await prometheus.ask<{ result: unknown[] }>('query', { query })).result.length;
        await expect.poll(isWatched).toBe(1);
        const faults = /^(?:Cache|Dependency|ErrorBudget|InstanceIsDown|MessagesAreGivenUp|Outbox|Queries)/;
        expect((await firing()).filter((name) => faults.test(name))).toEqual([]);
      });

      it('fire when a message cannot be read', async () => {
        const messaging = await openMessaging(redis.url, { source: 'somebody' });
        onTestFinished(() => messaging.close());
        await messaging.publish('user.created', { userId: 'nobody' });
        await fire('MessagesAreGivenUp');
      });

      it('fire when the cache and the broker are away', async () => {
        keepAsking(1);
        await Promise.all([cache.refuse(), broker.refuse()]);
        onTestFinished(async () => void (await Promise.all([cache.heal(), broker.heal()])));
        await fire('CacheFails', 'OutboxFails', 'DependencyFails: cache', 'DependencyFails: broker');
      });

      it('fire when the database is slow', async () => {
        database.latency(1500);
        onTestFinished(() => database.heal());
        keepAsking(10);
        await fire('RequestsAreSlow', 'ConnectionsAreShort');
      });

      it('fire when the database is away', async () => {
        keepAsking(1);
        await database.refuse();
        onTestFinished(() => database.heal());
        const budget = ['ErrorBudgetBurnsFast', 'ErrorBudgetBurns', 'ErrorBudgetBurnsSlowly'];
        await fire('QueriesFail', 'DependencyFails: database', ...budget);
      });

      it('fire when the event loop is blocked, and when the process is gone', async () => {
        let isOver = false;
        onTestFinished(() => void (isOver = true));
        const block = async (): Promise<void> => {
          // Stopped, it does nothing; to its event loop it is one long piece of work.
          while (!isOver && service.process.kill('SIGSTOP')) {
            await sleep(400);
            service.process.kill('SIGCONT');
            await sleep(200);
          }
        };
        void block();
        await fire('EventLoopIsBlocked');
        isOver = true;
        await service.kill();
        await fire('InstanceIsDown');
      });
    });
  });
});
