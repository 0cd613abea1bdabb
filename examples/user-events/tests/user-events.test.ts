// The consumer as a process of its own: killed, and its broker killed under it, while events come, also twice.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDatabase, type Database } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import type { Messaging } from '@ent/messaging';
import { openMessaging } from '@ent/messaging/open';
import { runService, uniqueName, writtenDown } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { activity } from '../src/activity.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const migrate = fileURLToPath(new URL('../src/migrate.ts', import.meta.url));
const run = (env: Record<string, string>): { child: ChildProcess; output: () => string } => {
  const { process: child, output } = runService(main, { folder: tmpdir(), env: { PORT: '0', ...env } });
  return { child, output };
};

async function listening(env: Record<string, string>): Promise<ChildProcess> {
  const { child, output } = run(env);
  await expect.poll(output).toContain('listening to events');
  return child;
}

describe('its settings', () => {
  it('need a broker that others have, too', async () => {
    for (const env of [{}, { BROKER_URL: 'memory:' }] as Record<string, string>[]) {
      const { child, output } = run(env);
      expect(await once(child, 'close')).toEqual([78, null]); // after the last of its output
      expect(output()).toMatch(/BROKER_URL.*amqp:/s);
    }
  });
});

it('brings its database up to date and ends, for a job', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ent-user-events-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const env = { DATABASE_URL: `sqlite:${join(folder, 'events.db')}` };
  for (const [said, code, more] of [
    [/was brought up to date.*0001_activity.*0002_inbox/, 0, {}],
    [/the database schema is up to date/, 0, {}],
    [/DATABASE_URL/, 78, { DATABASE_URL: 'memcached://x' }],
  ] as const) {
    const { process: child, output } = runService(migrate, { folder, env: { ...env, ...more } });
    expect(await once(child, 'close')).toEqual([code, null]);
    expect(output()).toMatch(said);
  }
});

describeWithServer('redis', (server) => {
  it('answers probes, and with metrics', async () => {
    const { child, output } = run({ BROKER_URL: server.url, DATABASE_URL: 'sqlite::memory:' });
    try {
      await expect.poll(output).toContain('listening to events');
      const urlOf = (): string | undefined => /http:\/\/127\.0\.0\.1:\d+/.exec(output())?.[0];
      await expect.poll(urlOf).toBeDefined();
      const url = urlOf();
      for (const path of ['/livez', '/readyz', '/startupz', '/health'])
        expect(await (await fetch(`${url}${path}`)).json(), path).toMatchObject({ status: 'pass' });
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('health_check_status{check="events"} 1');
      const scraped = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text' } });
      expect(scraped.headers.get('content-type')).toMatch(/^application\/openmetrics-text;/);
      expect(await scraped.text()).toMatch(/service_build_info\{version="1\.0\.0"\} 1\n[^]*# EOF\n$/);
      expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
      child.kill('SIGTERM');
      expect(await once(child, 'exit')).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

for (const name of ['rabbitmq', 'redis'] as const) {
  describeWithServer(name, { killable: true }, (server) => {
    let folder: string;
    let consumer: ChildProcess | undefined;
    let publisher: Messaging;
    let db: Database;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'ent-user-events-'));
      publisher = await openMessaging(server.url, { source: 'user-service', timeout: '2m' });
    });
    afterAll(async () => {
      consumer?.kill('SIGKILL');
      await publisher?.close();
      await db?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it('counts each event once, around the end of consumer and broker', async () => {
      const file = join(folder, 'events.db');
      const env = { BROKER_URL: server.url, DATABASE_URL: `sqlite:${file}` };
      consumer = await listening(env);
      const users = Array.from({ length: 10 }, () => uniqueName('user'));
      const versions = new Map<string, number>();
      const publish = async (topic: string, userId: string): Promise<void> => {
        const version = (versions.get(userId) ?? 0) + (topic === 'user.deleted' ? 0 : 1);
        versions.set(userId, version);
        const id = `${userId} ${topic} ${version}`;
        // Each comes twice, as from a relay that was killed.
        for (const _ of ['first', 'again']) await publisher.publish(topic, { userId, version, more: true }, { id });
      };
      for (const user of users) await publish('user.created', user);
      let updates = 0;
      const update = async (count: number): Promise<void> => {
        for (let n = 0; n < count; n++) await publish('user.updated', users[updates++ % users.length]!);
      };
      await update(20);
      await writtenDown(server);

      consumer.kill('SIGKILL');
      await update(20);
      const starting = listening(env);
      await update(20);
      consumer = await starting;
      const during = update(40);
      during.catch(() => {});
      await server.kill();
      await server.start();
      await during;
      await update(10);
      for (const user of users.slice(0, 3)) await publish('user.deleted', user);

      db = createDatabase({ driver: sqlite({ file }) });
      const stored = db.repo(activity);
      const told = (): number => [...versions.values()].reduce((sum, version) => sum + version, 0) + 3;
      const counted = async (): Promise<number> => (await stored.find()).reduce((sum, { events }) => sum + events, 0);
      await expect.poll(counted, { timeout: 200_000 }).toBe(told());
      for (const user of users.slice(0, 3))
        await publisher.publish(
          'user.deleted',
          { userId: user, version: 0 },
          { id: `${user} user.deleted ${versions.get(user)}` },
        );
      await publish('user.created', 'the last');
      await expect.poll(() => stored.get('the last')).toMatchObject({ events: 1 });
      for (const [at, user] of users.entries()) {
        const isDeleted = at < 3;
        const version = versions.get(user)!;
        expect(await stored.get(user)).toEqual({ id: user, events: version + (isDeleted ? 1 : 0), version, isDeleted });
      }
      consumer.kill('SIGTERM');
      expect(await once(consumer, 'exit')).toEqual([0, null]);
    }, 600_000);
  });
}
