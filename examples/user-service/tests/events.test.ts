// What others learn: events of changes, through the outbox, on each broker that BROKER_URL takes.
import { openMessaging } from '@ent/messaging/open';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { client, type User } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

let folder: ReturnType<typeof temporaryFolder>;
const ends: (() => unknown)[] = [];
beforeEach(() => {
  folder = temporaryFolder();
  ends.push(() => folder.remove());
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const launch = async (BROKER_URL: string): Promise<Service> => {
  const service = await start(folder.path, settings(folder.path, { BROKER_URL, RATE_LIMIT_PER_MINUTE: '100000' }));
  ends.push(() => service.process.kill('SIGKILL'));
  return service;
};

interface Event {
  type: string;
  id: string;
  userId: string;
  version: number;
}

/** Registers, renames and deletes users; answers the events that tell of it. */
async function changeUsers(service: Service, count: number): Promise<Omit<Event, 'id'>[]> {
  const api = client(service.url);
  const expected: Omit<Event, 'id'>[] = [];
  for (let n = 0; n < count; n++) {
    const user = await api.newUser();
    const path = `/api/v1/users/${user.id}`;
    const { token } = user;
    expect((await api.call<User>('PUT', path, { token, body: { name: 'Grace' } })).status).toBe(200);
    expect((await api.call('DELETE', path, { token })).status).toBe(204);
    const userId = user.id;
    expected.push(
      { type: 'user.created', userId, version: 1 },
      { type: 'user.updated', userId, version: 2 },
      { type: 'user.deleted', userId, version: 2 },
    );
  }
  return expected;
}

const sorted = (events: readonly Omit<Event, 'id'>[]): string[] =>
  events.map(({ type, userId, version }) => `${userId} ${version} ${type}`).sort();

describe('with memory:', () => {
  it('events reach the subscribers of the service itself', async () => {
    const service = await launch('memory:');
    const expected = await changeUsers(service, 2);
    const logged = (): Omit<Event, 'id'>[] =>
      service
        .output()
        .split('\n')
        .filter((line) => line.includes('.eventId"'))
        .map((line) => {
          const fields = JSON.parse(line) as Record<string, string>;
          return { type: fields['message']!, userId: fields['user.id']!, version: Number(fields['labels.version']) };
        })
        .filter(({ userId }) => expected.some((event) => event.userId === userId));
    await expect.poll(() => sorted(logged())).toEqual(sorted(expected));
    expect(await service.stop()).toBe(0);
  });
});

for (const name of ['rabbitmq', 'redis'] as const) {
  describeWithServer(name, { killable: true }, (server) => {
    it('each change is told once it is stored, around kills of service and broker', async () => {
      const messaging = await openMessaging(server.url, { source: 'test', timeout: '2m' });
      ends.push(() => messaging.close({ timeout: 1 }));
      const arrived = new Map<string, Event>();
      for (const topic of ['user.created', 'user.updated', 'user.deleted']) {
        await messaging.subscribe(topic, { group: 'test' }, ({ id, type, data }) => {
          arrived.set(id, { id, type, ...(data as { userId: string; version: number }) });
        });
      }
      let service = await launch(server.url);
      const expected = await changeUsers(service, 2);
      await service.kill();
      service = await launch(server.url);
      expected.push(...(await changeUsers(service, 1)));

      await server.kill();
      const api = client(service.url);
      // Users are served meanwhile, and the service stays in the traffic.
      expected.push(...(await changeUsers(service, 1)));
      expect((await api.call('GET', '/readyz')).status).toBe(200);
      await expect.poll(async () => (await api.call('GET', '/health')).body).toMatchObject({ status: 'warn' });
      await server.start();

      const mine = (): Event[] =>
        [...arrived.values()].filter(({ userId }) => expected.some((event) => event.userId === userId));
      await expect.poll(() => sorted(mine()), { timeout: 200_000 }).toEqual(sorted(expected));
      expect(await service.stop()).toBe(0);
    }, 600_000);
  });
}
