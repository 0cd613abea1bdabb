// Relays as processes of their own, of which some stand still or are killed, and the broker killed under one.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EntError } from '@ent/errors';
import { uniqueName, writtenDown } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { connect } from 'amqplib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { redisStreams } from '../../src/drivers/redis-streams/index.ts';
import { createMessaging, type Message, type Messaging, type MessagingDriver } from '../../src/index.ts';
import { createOutbox, type Outbox } from '../../src/outbox.ts';
import { databaseAt, type PlaceOf } from '../fixtures/outbox-places.ts';
import { migrate } from '../outbox-support.ts';
import { startProcess } from '../processes.ts';

let folder: string;
const ends: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ent-outbox-'));
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

/** An outbox, a group that takes what comes of it, and what publishes by three keys. */
async function setUp(driver: () => MessagingDriver) {
  const topic = uniqueName('t');
  const place: PlaceOf = { kind: 'sqlite', file: join(folder, 'outbox.db') };
  const db = databaseAt(place);
  await migrate(db);
  const messaging: Messaging = createMessaging({ driver: driver(), timeout: '2m' });
  ends.push(
    () => db.close(),
    () => messaging.close({ timeout: 1 }),
  );
  const arrived: Message[] = [];
  await messaging.subscribe(topic, { group: 'g', prefetch: 50 }, (message) => void arrived.push(message));
  const outbox: Outbox = createOutbox({ db });
  let published = 0;
  return {
    place,
    messaging,
    outbox,
    arrived,
    topic,
    async publish(count: number): Promise<void> {
      for (let n = 0; n < count; n++) {
        const data = published++;
        await db.transaction(() => outbox.publish(topic, data, { id: `m${data}`, key: `key ${data % 3}` }));
      }
    },
    /** Waits for all of them, and answers how many came twice. */
    async all(): Promise<number> {
      const first = (): number[] => [...new Set(arrived.map(({ data }) => Number(data)))];
      await expect.poll(() => first().length, { timeout: 90_000 }).toBe(published);
      for (const { id, data } of arrived) expect(id).toBe(`m${String(data)}`);
      for (const key of [0, 1, 2]) {
        const ofKey = first().filter((n) => n % 3 === key);
        expect(ofKey).toEqual([...ofKey].sort((a, b) => a - b));
      }
      await expect.poll(() => outbox.lag()).toMatchObject({ waiting: 0, parked: 0 });
      return arrived.length - published;
    },
  };
}

describeWithServer('redis', (server) => {
  const startRelay = async (place: PlaceOf) => {
    const child = startProcess('outbox-relay.ts', { place, redis: server.url });
    ends.push(() => child.kill('SIGKILL'));
    let text = '';
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const says = (what: string): Promise<void> => expect.poll(() => text).toContain(what);
    await says('running');
    return {
      child,
      standStill(): Promise<void> {
        child.send('stop');
        return says('stands still');
      },
    };
  };

  it('of two relays one goes on while the other stands still for longer than its turn, or is killed', async () => {
    const { place, publish, all } = await setUp(() => redisStreams({ url: server.url }));
    const relays = await Promise.all([startRelay(place), startRelay(place)]);
    let most = 0;
    for (const { child, standStill } of relays) {
      await Promise.all([publish(60), standStill()]);
      await all();
      child.kill('SIGCONT');
      await publish(20);
      // What it had in hand when it stopped: one batch at the most.
      most += 10;
      expect(await all()).toBeLessThanOrEqual(most);
    }
    const publishing = publish(60);
    relays[0].child.kill('SIGKILL');
    await publishing;
    expect(await all()).toBeLessThanOrEqual(most + 10);
    const exit = once(relays[1].child, 'exit');
    relays[1].child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });
});

describeWithServer('rabbitmq', (server) => {
  it('loses no event when somebody deletes the exchange of its topic', async () => {
    const { messaging, outbox, publish, all, topic } = await setUp(() => rabbitmq({ url: server.url }));
    const relay = outbox.relay(messaging, { poll: 100 });
    await relay.start();
    ends.push(() => relay.close({ timeout: 1 }));
    await publish(3);
    await all();
    const connection = await connect(server.url);
    await (await connection.createChannel()).deleteExchange(topic);
    await connection.close();
    // The first of them makes the exchange anew; it is the subscriber who binds its queue.
    await publish(9);
    await all();
  }, 240_000);
});

for (const [name, driverOf] of [
  ['rabbitmq', (url: string) => rabbitmq({ url })],
  ['redis', (url: string) => redisStreams({ url })],
] as const) {
  describeWithServer(name, { killable: true }, (server) => {
    it('loses nothing when the broker is killed under a relay, and keeps the order', async () => {
      const { messaging, outbox, publish, all, arrived } = await setUp(() => driverOf(server.url));
      const relay = outbox.relay(messaging, { batch: 20 });
      await relay.start();
      ends.push(() => relay.close({ timeout: 1 }));
      await publish(5);
      await writtenDown(server);
      const publishing = publish(100);
      await server.kill();
      await publishing;
      await expect
        .poll(() =>
          relay.ping().then(
            () => 'well',
            (error: unknown) => (error as EntError).code,
          ),
        )
        .toBe('messaging.unavailable');
      await server.start();
      await publish(20);
      await all();
      await relay.ping();
      expect(arrived.length).toBeGreaterThan(120);
    }, 600_000);
  });
}
