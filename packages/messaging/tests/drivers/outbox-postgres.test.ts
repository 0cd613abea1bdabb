// The outbox on PostgreSQL: several connections that publish by one key, LISTEN and NOTIFY, and an inbox under load.
import { createDatabase, type Database, defineEntity } from '@ent/database';
import { listen, notify, postgres } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { memory } from '../../src/drivers/memory.ts';
import { createInbox } from '../../src/inbox.ts';
import { createMessaging, type Message, type Messaging } from '../../src/index.ts';
import { createOutbox, type Notifier, type RelayOptions } from '../../src/outbox.ts';
import { migrate } from '../outbox-support.ts';

const counters = defineEntity({ name: 'counters', fields: { id: 'string', n: 'int' } });

describeWithServer('postgres', (server) => {
  let db: Database<SqlNative>;
  let messaging: Messaging;
  let arrived: Message[];
  const ends: (() => unknown)[] = [];
  beforeEach(async () => {
    const searchPath = uniqueName('ent');
    const making = createDatabase<SqlNative>({ driver: postgres({ url: server.url, max: 1 }) });
    await making.native.kysely.schema.createSchema(searchPath).execute();
    await making.close();
    db = createDatabase<SqlNative>({ driver: postgres({ url: server.url, searchPath, max: 8 }) });
    await migrate(db);
    await createTables(db, counters);
    messaging = createMessaging({ driver: memory() });
    arrived = [];
    await messaging.subscribe('t', { group: 'g' }, (message) => void arrived.push(message));
    ends.push(
      () => db.close(),
      () => messaging.close({ timeout: 1 }),
    );
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  const startRelay = async (outbox = createOutbox({ db }), options: RelayOptions = {}): Promise<void> => {
    const relay = outbox.relay(messaging, options);
    await relay.start();
    ends.push(() => relay.close({ timeout: 1 }));
  };

  it('sends what many transactions publish at once by one key in the order of their commits', async () => {
    const publishing = createOutbox({ db });
    const stored = db.repo(counters);
    await stored.insert({ id: 'one', n: 0 });
    for (const batch of [3, 5]) await startRelay(createOutbox({ db }), { batch, poll: 20 });
    const publish = async (): Promise<void> => {
      for (let round = 0; round < 15; round++) {
        await db.transaction(async () => {
          const { n } = await stored.update('one', { inc: { n: 1 } });
          await publishing.publish('t', n, { key: 'one' });
        });
      }
    };
    await Promise.all([publish(), publish(), publish(), publish()]);
    await expect.poll(() => arrived.length).toBe(60);
    expect(arrived.map(({ data }) => data)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
  });

  it('wakes the relays of other processes by NOTIFY', async () => {
    const channel = uniqueName('outbox');
    const notifier: Notifier = {
      notify: () => notify(db, channel, ''),
      listen: (wake) => listen(db, channel, wake, { onGap: wake }),
    };
    await startRelay(createOutbox({ db, notifier }), { poll: '1h' });
    const other = createOutbox({ db, notifier });
    for (let n = 1; n <= 3; n++) {
      await db.transaction(() => other.publish('t', n));
      await expect.poll(() => arrived.length).toBe(n);
    }
  });

  it('has the effect of a message once, however many handle it at the same time', async () => {
    const stored = db.repo(counters);
    await stored.insert({ id: 'sum', n: 0 });
    let runs = 0;
    const handler = createInbox({ db }).once(async () => {
      runs++;
      await stored.update('sum', { inc: { n: 1 } });
    });
    await db.transaction(() => createOutbox({ db }).publish('t', 1, { id: 'm' }));
    await startRelay();
    await expect.poll(() => arrived.length).toBe(1);
    const context = { group: 'g', attempt: 1, signal: new AbortController().signal };
    await Promise.all(Array.from({ length: 20 }, () => handler(arrived[0]!, context)));
    expect([runs, await stored.get('sum')]).toEqual([1, { id: 'sum', n: 1 }]);
  });
});
