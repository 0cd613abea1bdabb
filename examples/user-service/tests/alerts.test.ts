// Each alert fires when its fault is made: a real Prometheus on a real service, whose database, cache and broker are
// away or slow, and which makes mistakes of its own (`fixtures/faulty.ts`). The rules are those of infrastructure/,
// with shorter windows and without the patience of `for`.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '@ent/database/open';
import { openMessaging } from '@ent/messaging/open';
import { createOutbox } from '@ent/messaging/outbox';
import { type FaultProxy, startProxy } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import type { Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { type Client, client, newEmail } from './client.ts';
import { isSkipped, type Prometheus, rules, startPrometheus, why } from './prometheus.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

/** The rules as they are, but for how long they look back, and how long a condition has to last. */
function impatientRules(folder: string): string {
  const copy = join(folder, 'rules');
  mkdirSync(copy);
  for (const file of readdirSync(rules)) {
    const text = readFileSync(join(rules, file), 'utf8');
    writeFileSync(join(copy, file), text.replace(/\[\d+[mhd]\]/g, '[20s]').replace(/^ +for: .*\n/gm, ''));
  }
  return copy;
}

/** Their names. */
function alerts(): string[] {
  const { groups } = parse(readFileSync(join(rules, 'alerts.yml'), 'utf8')) as {
    groups: { rules: { alert: string }[] }[];
  };
  return groups.flatMap((group) => group.rules.map(({ alert }) => alert));
}

/** Of the service with `fixtures/faulty.ts`: the whole heap can be used by what lives long. */
const NODE_OPTIONS = [
  `--import=${new URL('fixtures/faulty.ts', import.meta.url).href}`,
  '--max-old-space-size=200',
  '--max-semi-space-size=4',
].join(' ');
const byte = (): number => Math.floor(Math.random() * 256);
const MINUTES_MS = 120_000;

describe.skipIf(isSkipped)(`alerts${why}`, () => {
  describeWithServer('postgres', (postgres) => {
    describeWithServer('redis', (redis) => {
      const folder = temporaryFolder();
      let database: FaultProxy;
      let cache: FaultProxy;
      let broker: FaultProxy;
      let service: Service;
      let prometheus: Prometheus;
      let call: Client['call'];
      let token: string;
      let known: string;
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
          // Each caller comes from where it says.
          TRUST_PROXIES: '127.0.0.1',
          NODE_OPTIONS,
        };
        service = await start(folder.path, settings(folder.path, env));
        const users = client(service.url);
        ({ call } = users);
        token = (await users.loginAdmin()).access_token;
        // What was changed while the cache is away is read around it.
        known = `/api/v1/users/${(await users.newUser()).id}`;
        changed = `/api/v1/users/${(await users.newUser()).id}`;
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

      const fired = new Set<string>();
      const firing = async (): Promise<string[]> => {
        interface Alert {
          state: string;
          labels: { alertname: string; check?: string };
        }
        const active = (await prometheus.ask<{ alerts: Alert[] }>('alerts')).alerts.filter(
          ({ state }) => state === 'firing',
        );
        for (const { labels } of active) fired.add(labels.alertname);
        return active.map(({ labels: { alertname, check } }) =>
          check === undefined ? alertname : `${alertname}: ${check}`,
        );
      };
      /** Does it again and again until the test is over; what becomes of it does not matter. */
      const keepOn = (times: number, work: () => Promise<unknown>): void => {
        let isOver = false;
        onTestFinished(() => void (isOver = true));
        const go = async (): Promise<void> => {
          while (!isOver) await work().catch(() => {});
        };
        for (let n = 0; n < times; n++) void go();
      };
      /** What users and probes read. */
      const read = () => [
        call('GET', '/api/v1/users/', { token }),
        call('GET', known, { token }),
        call('GET', '/health'),
      ];
      const keepAsking = (callers: number): void =>
        keepOn(callers, async () => {
          const body = { name: `${performance.now()}` };
          await Promise.allSettled([...read(), call('PUT', changed, { token, body })]);
          await sleep(50);
        });
      const fire = async (...names: string[]): Promise<void> => {
        await expect.poll(firing, { interval: 500, timeout: 150_000 }).toEqual(expect.arrayContaining(names));
      };

      it('are silent while all is well', async () => {
        keepOn(1, () => Promise.all([...read(), sleep(50)]));
        const query = 'job:http_errors:ratio_rate5m';
        const isWatched = async () => (await prometheus.ask<{ result: unknown[] }>('query', { query })).result.length;
        await expect.poll(isWatched).toBe(1);
        // Those of a machine that is busy with other tests aside.
        const others = /^(?:EventLoop|RequestsAreSlow|ConnectionsAreShort)/;
        expect((await firing()).filter((name) => !others.test(name))).toEqual([]);
      });

      it('fire when messages wait or cannot be read, and when those of the outbox are late or refused', async () => {
        const messaging = await openMessaging(redis.url, { source: 'somebody' });
        onTestFinished(() => messaging.close());
        const db = await openDatabase(postgres.url);
        onTestFinished(() => db.close());
        const outbox = createOutbox({ db, clock: { now: () => Date.now() - MINUTES_MS, after: () => () => {} } });
        // Stored minutes ago, sent now, and for the last time: nobody has ever taken what has such a topic.
        await db.transaction(async () => {
          const { id } = await outbox.publish('user.forgotten', {}, { mandatory: true });
          const { kysely } = db.native as { kysely: Kysely<{ ent_outbox: { messageId: string; attempts: number } }> };
          await kysely.updateTable('ent_outbox').set({ attempts: 9 }).where('messageId', '=', id).execute();
        });
        broker.latency(300);
        onTestFinished(() => broker.heal());
        await messaging.publishMany(
          'user.created',
          Array.from({ length: 2000 }, () => ({ data: { userId: 'nobody' } })),
        );
        await fire('MessagesWait', 'OutboxIsLate', 'EventsAreParked', 'MessagesAreGivenUp');
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

      it('fire when the database is away, and so is who reads the log', async () => {
        keepAsking(1);
        service.process.stdout?.destroy();
        await database.refuse();
        onTestFinished(() => database.heal());
        const budget = ['ErrorBudgetBurnsFast', 'ErrorBudgetBurns', 'ErrorBudgetBurnsSlowly'];
        await fire('QueriesFail', 'DependencyFails: database', 'LogLinesAreLost', ...budget);
      });

      it('fire when passwords are guessed', async () => {
        keepOn(60, () => {
          const headers = { 'x-forwarded-for': `10.${byte()}.${byte()}.${byte()}` };
          const body = { email: newEmail(), password: 'a guess' };
          return call('POST', '/api/v1/auth/login', { headers, body });
        });
        await fire('LoginsFail');
      });

      it('fire when it computes without end', async () => {
        service.process.kill('SIGUSR2');
        await fire('EventLoopIsBusy');
      });

      it('fire when memory leaks and a metric cannot be collected', async () => {
        service.process.kill('SIGUSR2');
        await fire('HeapIsAlmostFull', 'MetricsAreIncomplete');
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

      it('are all of the rules', () => {
        expect([...fired].sort()).toEqual(alerts().sort());
      });
    });
  });
});
