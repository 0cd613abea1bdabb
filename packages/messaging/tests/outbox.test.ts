import { once } from 'node:events';
import { createDatabase, type Database, channels as databaseChannels, defineEntity, nullable } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { runWithContext } from '@ent/internal';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { memory } from '../src/drivers/memory.ts';
import {
  channels,
  createMessaging,
  defineTopic,
  type RelayOperation,
  type Subscription,
  type WireMessage,
} from '../src/index.ts';
import { inboxEntity } from '../src/inbox.ts';
import { changesNotifier, createOutbox, type OutboxDatabase, outboxEntities } from '../src/outbox.ts';
import { manualClock } from '../src/testing.ts';
import { arrive, bodyOf, refusing, sendingBy, useOutbox } from './outbox-support.ts';

const open = useOutbox();

/** What relays told in a test. */
const told: RelayOperation[] = [];
const note = { asyncEnd: (operation: RelayOperation) => void told.push(operation) };
const listen = (): void => channels.relay.subscribe(note as never);
afterEach(() => {
  channels.relay.unsubscribe(note as never);
  told.length = 0;
});

/** A database where the calls fail that a test chooses. */
function failingDatabase(db: Database, fails: (name: PropertyKey) => boolean): OutboxDatabase {
  return {
    features: db.features,
    transaction: (work, options) => db.transaction(work, options),
    afterCommit: (hook) => db.afterCommit(hook),
    repo: (entity) =>
      new Proxy(db.repo(entity), {
        get(target, name) {
          if (fails(name)) return () => Promise.reject(new Error('The database is away.'));
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      }),
  };
}

describe('a relay of messaging in structured mode', () => {
  it('sends events as one text, also those that were stored before, and they are handled as others', async () => {
    const place = await open();
    const driver = memory();
    const wires: WireMessage[] = [];
    const structured = createMessaging({
      driver: sendingBy(driver, (batch, ordinary, call) => {
        wires.push(...batch);
        return ordinary(batch, call);
      }),
      cloudEvents: 'structured',
    });
    const seen: unknown[] = [];
    await structured.subscribe('t', { group: 'g' }, ({ id, data, key, type }) => seen.push([id, data, key, type]));
    const id = await place.publish({ n: 1 }, { key: 'k', type: 'thing.done' });
    await place.relay({ messaging: structured });
    await expect.poll(() => seen).toEqual([[id, { n: 1 }, 'k', 'thing.done']]);
    expect(wires.map(({ contentType }) => contentType)).toEqual(['application/cloudevents+json']);
    expect(JSON.parse(bodyOf(wires[0]!))).toMatchObject({ specversion: '1.0', id, data: { n: 1 }, partitionkey: 'k' });
    await structured.close();
  });
});

describe('publishing with a transaction', () => {
  it('sends what was committed, and nothing of what was rolled back', async () => {
    const place = await open();
    await place.relay();
    await place.publish(1);
    const failing = place.db.transaction(async () => {
      await place.outbox.publish('t', 'never');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await place.db.transaction(async () => {
      const inner = async (): Promise<void> => {
        await place.outbox.publish('t', 'never');
        throw new Error('no');
      };
      await place.db.transaction(inner, { propagation: 'nested' }).catch(() => {});
      await place.outbox.publish('t', 2);
    });
    await arrive(place, 2);
    expect(place.data()).toEqual([1, 2]);
    await expect.poll(() => place.outbox.lag()).toEqual({ waiting: 0, oldest: null, parked: 0 });
  });

  it('is refused outside of one, and in its afterCommit hooks', async () => {
    const { db, outbox } = await open();
    await expect(outbox.publish('t', 1)).rejects.toMatchObject({ code: 'messaging.no_transaction' });
    let hook: unknown;
    await db.transaction(async () =>
      db.afterCommit(async () => (hook = await outbox.publish('t', 1).catch((error: unknown) => error))),
    );
    expect(hook).toMatchObject({ code: 'messaging.no_transaction' });
    expect(await outbox.lag()).toMatchObject({ waiting: 0 });
  });

  it('sends the message as it was published: id, attributes, headers, chain and time', async () => {
    const clock = manualClock();
    const place = await open({ clock });
    const topic = defineTopic('t', z.object({ at: z.coerce.date<string>() }));
    const outbox = place.outboxOf({ source: 'users' });
    const about = { id: 'e1', type: 'user.created', subject: 'u1', headers: { tenant: 'acme' }, key: 'u1' };
    const time = clock.now();
    await runWithContext({ requestId: 'r1', messageId: 'm0' }, () =>
      place.db.transaction(() => outbox.publish(topic, { at: '2030-01-01T00:00:00Z' }, about)),
    );
    await clock.advance(60_000);
    await place.relay({ outbox });
    await arrive(place, 1);
    expect(place.arrived[0]).toMatchObject({
      id: 'e1',
      topic: 't',
      type: 'user.created',
      source: 'users',
      subject: 'u1',
      time: new Date(time),
      data: { at: '2030-01-01T00:00:00Z' },
      headers: { tenant: 'acme' },
      correlationId: 'r1',
      causationId: 'm0',
    });
  });

  it('keeps the headers that a tracer adds while the request is there', async () => {
    const place = await open();
    const trace = {
      start(operation: { messages: { headers: Record<string, string> }[] }) {
        for (const { headers } of operation.messages) headers['traceparent'] = 'the request';
      },
    };
    channels.publish.subscribe(trace as never);
    await place.publish(1);
    channels.publish.unsubscribe(trace as never);
    await place.relay();
    await arrive(place, 1);
    expect(place.arrived[0]!.headers['traceparent']).toBe('the request');
  });

  it('checks data and options before anything is stored', async () => {
    const { db, outbox } = await open();
    const topic = defineTopic('t', z.object({ n: z.number() }));
    const refused: [() => Promise<unknown>, string][] = [
      [() => outbox.publish(topic, { n: 'x' as never }), 'messaging.invalid_payload'],
      [() => outbox.publish('t', () => 1), 'messaging.not_serializable'],
      [() => outbox.publish('no topic', 1), 'messaging.invalid_options'],
      [() => outbox.publish('t', 1, { key: '' }), 'messaging.invalid_options'],
      [() => outbox.publish('t', 1, { key: 'x'.repeat(181) }), 'messaging.invalid_options'],
      [() => outbox.publish('t', 1, { kee: '1' } as never), 'messaging.invalid_options'],
      [() => outbox.publish('t', 1, { signal: new AbortController().signal } as never), 'messaging.invalid_options'],
    ];
    await db.transaction(async () => {
      for (const [publish, code] of refused) await expect(publish()).rejects.toMatchObject({ code });
    });
    expect(await outbox.lag()).toMatchObject({ waiting: 0 });
  });

  it('describes its tables as @ent/database describes entities', () => {
    const text = nullable('string');
    const entities = [outboxEntities().messages, outboxEntities().marks, inboxEntity()];
    for (const entity of entities) {
      const fields = [...entity.fields.values()].map(({ name, type, nullable: isNullable }) => [
        name,
        isNullable ? text : type,
      ]);
      const defined = defineEntity({ name: entity.name, fields: Object.fromEntries(fields) as { id: 'string' } });
      expect({ ...defined }).toEqual(entity);
    }
  });

  it('tells what is wrong with its set-up', async () => {
    const place = await open();
    const { db, messaging } = place;
    const invalid = { code: 'messaging.invalid_options' };
    const code = (work: () => unknown): unknown => {
      try {
        return work();
      } catch (error) {
        return error;
      }
    };
    expect(code(() => createOutbox({} as never))).toMatchObject(invalid);
    expect(code(() => createOutbox({ db, tabel: 'x' } as never))).toMatchObject(invalid);
    expect(code(() => createOutbox({ db, table: 'no table' }))).toMatchObject(invalid);
    const without = { features: { transactions: false }, afterCommit: () => {} } as never;
    expect(code(() => createOutbox({ db: without }))).toMatchObject(invalid);
    expect(code(() => createOutbox({ db, transactions: false }))).toMatchObject(invalid);
    expect(code(() => place.outbox.relay({ ...messaging }))).toMatchObject(invalid);
    expect(code(() => place.outbox.relay(messaging, { batch: 0 }))).toMatchObject(invalid);
    const empty = createDatabase({ driver: sqlite({ file: ':memory:' }) });
    const relay = createOutbox({ db: empty }).relay(messaging);
    await expect(relay.start()).rejects.toMatchObject({ code: 'database.query_failed' });
    await relay.close();
    await expect(relay.start()).rejects.toMatchObject({ code: 'messaging.closed' });
    await empty.close();
  });
});

describe('a relay', () => {
  it('is woken by a commit of its process', async () => {
    const place = await open();
    await place.relay({ poll: '1h' });
    for (let n = 1; n <= 3; n++) {
      await place.publish(n);
      await arrive(place, n);
    }
  });

  it('is woken by changes that the database tells of, and looks again when their loop has failed', async () => {
    let runs = 0;
    let woken = 0;
    const changes = async function* (signal: AbortSignal) {
      runs += 1;
      if (runs === 1) {
        yield { type: 'delete' };
        yield { type: 'insert' };
        throw new Error('cut off');
      }
      yield { type: 'update' };
      await once(signal, 'abort');
    };
    const warned = once(process, 'warning');
    const listening = await changesNotifier(changes).listen(() => (woken += 1));
    expect(String((await warned)[0])).toContain('cut off');
    await expect.poll(() => [runs, woken]).toEqual([2, 2]);
    await listening.close();
    expect([runs, woken]).toEqual([2, 2]);
    expect(() => changesNotifier({} as never)).toThrow(expect.objectContaining({ code: 'messaging.invalid_options' }));
  });

  it('is woken by a notifier, which those without a relay call', async () => {
    const place = await open();
    const waking = new Set<() => void>();
    let closed = 0;
    const notifier = {
      notify: async () => waking.forEach((wake) => wake()),
      listen: async (wake: () => void) => {
        waking.add(wake);
        return { close: () => void closed++ };
      },
    };
    const relay = await place.relay({ outbox: place.outboxOf({ notifier }), poll: '1h' });
    await place.publish(1, {}, place.outboxOf({ notifier }));
    await arrive(place, 1);
    await relay.close();
    expect(closed).toBe(1);
  });

  it('finds by looking what nobody told it of, with 12 queries a minute', async () => {
    const clock = manualClock();
    const place = await open({ clock });
    await place.relay();
    await clock.advance(60_000);
    let queries = 0;
    const count = { start: () => void queries++ };
    databaseChannels.query.subscribe(count as never);
    await clock.advance(600_000);
    databaseChannels.query.unsubscribe(count as never);
    expect(queries).toBe(120);
    // By an outbox that has no relay.
    await place.publish(1, {}, place.outboxOf());
    await clock.advance(5000);
    await arrive(place, 1);
  });

  it('sends everything once, and all of a key in the order of the commits, with others beside it', async () => {
    const place = await open();
    for (const _ of [1, 2, 3]) await place.relay({ outbox: place.outboxOf(), batch: 7, poll: 20 });
    const publishers = [place.outboxOf(), place.outboxOf()];
    const expected: Record<string, number[]> = { a: [], b: [], c: [] };
    for (let n = 0; n < 120; n++) {
      const key = 'abc'[n % 3]!;
      expected[key]!.push(n);
      await place.publish({ key, n }, { key }, publishers[n % 2]);
    }
    await arrive(place, 120);
    const arrived = place.data() as { key: string; n: number }[];
    expect(arrived).toHaveLength(120);
    for (const key of 'abc') expect(arrived.filter((one) => one.key === key).map(({ n }) => n)).toEqual(expected[key]);
  });

  it('keeps the order of a key where the clocks of its publishers differ', async () => {
    const place = await open();
    // Rows are found by ids that are made of the time; some are made as if an hour earlier.
    const now = Date.now;
    const sent: number[] = [];
    for (let n = 0; n < 40; n++) {
      Date.now = n % 3 === 0 ? () => now() - 3_600_000 * n : now;
      await place.publish(n, { key: 'k' }).finally(() => {
        Date.now = now;
      });
      sent.push(n);
    }
    await place.relay({ batch: 5 });
    await arrive(place, 40);
    expect(place.data()).toEqual(sent);
  });

  it('lets a message that is refused wait, with those behind it by its key, and sends the others', async () => {
    const clock = manualClock();
    let refuses = true;
    const place = await open({
      clock,
      driver: (broker) => refusing(broker, (message) => refuses && bodyOf(message) === '"a1"'),
    });
    for (const data of ['a1', 'a2', 'b1', 'none']) {
      await place.publish(data, data === 'none' ? {} : { key: data[0]! });
    }
    await place.relay();
    await arrive(place, 2);
    await place.publish('a3', { key: 'a' });
    await place.publish('b2', { key: 'b' });
    await arrive(place, 3);
    expect(place.data()).toEqual(['none', 'b1', 'b2']);
    refuses = false;
    await clock.advance(1000);
    await arrive(place, 6);
    expect(place.data().slice(3)).toEqual(['a1', 'a2', 'a3']);
  });

  it('parks what is refused again and again while others get through, and says so', async () => {
    const clock = manualClock();
    let refuses = true;
    listen();
    const place = await open({
      clock,
      driver: (broker) => refusing(broker, (message) => refuses && bodyOf(message).startsWith('"bad')),
    });
    await place.relay({ maxAttempts: 3, poll: 100 });
    const bad = await place.publish('bad 1', { key: 'k' });
    await place.publish('after', { key: 'k' });
    for (let n = 0; n < 40; n++) {
      await place.publish(n);
      await clock.advance(200);
    }
    await arrive(place, 41);
    expect(place.data()).toContain('after');
    await expect.poll(() => place.outbox.lag()).toMatchObject({ waiting: 0, parked: 1 });
    const [parked] = await place.outbox.parked();
    expect(parked).toMatchObject({ id: bad, topic: 't', key: 'k', attempts: 3 });
    expect(parked!.error).toMatch(/^messaging\.driver_failed: .*could not be sent/);
    expect(bodyOf(parked!)).toBe('"bad 1"');
    expect(told.flatMap((operation) => operation.parked)).toEqual([
      { id: bad, topic: 't', code: 'messaging.driver_failed' },
    ]);

    refuses = false;
    expect(await place.outbox.retryParked(['another'])).toBe(0);
    expect(await place.outbox.retryParked([bad])).toBe(1);
    await arrive(place, 42);
    expect(place.data().at(-1)).toBe('bad 1');
    expect(await place.outbox.dropParked([bad])).toBe(0);
  });

  it('parks at once what is longer than the broker takes, and lets it be dropped', async () => {
    const place = await open({
      driver: (broker) => ({ ...broker, features: { ...broker.features, maxMessageBytes: 10 } }),
    });
    await place.relay();
    const id = await place.publish('x'.repeat(20));
    await place.publish(1);
    await arrive(place, 1);
    await expect.poll(() => place.outbox.lag()).toMatchObject({ parked: 1, waiting: 0 });
    expect((await place.outbox.parked())[0]).toMatchObject({
      id,
      error: expect.stringContaining('messaging.too_large'),
    });
    expect(await place.outbox.dropParked([id])).toBe(1);
    expect(await place.outbox.parked()).toEqual([]);
  });

  it('is done with an event that nobody listens for, and lets one that is mandatory wait for a group', async () => {
    const clock = manualClock();
    const place = await open({ clock });
    await place.relay();
    await place.db.transaction(async () => {
      await place.outbox.publish('nobody', 1);
      await place.outbox.publish('nobody', 2, { mandatory: true });
    });
    await expect.poll(() => place.outbox.lag()).toMatchObject({ waiting: 1 });
    const got: unknown[] = [];
    await place.messaging.subscribe('nobody', { group: 'g' }, ({ data }) => got.push(data));
    await clock.advance(2000);
    await expect.poll(() => got).toEqual([2]);
    await expect.poll(() => place.outbox.lag()).toMatchObject({ waiting: 0 });
  });

  it('waits a minute for the group of a topic that had one, and keeps the order of a key', async () => {
    const clock = manualClock();
    listen();
    const place = await open({ clock });
    await place.relay({ maxAttempts: 1 });
    const [got, toldOf]: [unknown[], (what: 'postponed' | 'unroutable') => number] = [
      [],
      (what) => told.reduce((sum, operation) => sum + operation[what], 0),
    ];
    const publish = (data: unknown) => place.db.transaction(() => place.outbox.publish('u', data, { key: 'k' }));
    const subscribe = () => place.messaging.subscribe('u', { group: 'g' }, ({ data }) => got.push(data));
    const leave = async ({ close }: Subscription): Promise<void> => {
      await close();
      await place.messaging.removeGroup('u', 'g');
    };
    const first = await subscribe();
    await publish('before');
    await expect.poll(() => got).toEqual(['before']);
    await leave(first);
    for (const data of ['a', 'b', 'c']) await publish(data);
    await expect.poll(() => toldOf('postponed')).toBe(1);
    for (let second = 0; second < 30; second++) await clock.advance(1000);
    expect(await place.outbox.lag()).toMatchObject({ waiting: 3, parked: 0 });
    expect(toldOf('unroutable')).toBe(0);
    const second = await subscribe();
    const goOn = async (): Promise<unknown[]> => {
      await clock.advance(1000);
      return got;
    };
    await expect.poll(goOn).toEqual(['before', 'a', 'b', 'c']);

    // Nobody comes back: that is no fault.
    await leave(second);
    await publish('last');
    await expect
      .poll(
        async () => {
          await clock.advance(1000);
          return place.outbox.lag();
        },
        { timeout: 20_000, interval: 5 },
      )
      .toMatchObject({ waiting: 0, parked: 0 });
    expect([toldOf('unroutable'), got.length]).toEqual([1, 4]);
  });

  it.each(['rejected', 'indeterminate'] as const)(
    'counts nothing against messages while nothing gets through (%s), and loses none',
    async (status) => {
      const clock = manualClock();
      let isAway = true;
      listen();
      const place = await open({ clock, driver: (broker) => refusing(broker, () => isAway, status) });
      await place.relay({ maxAttempts: 1 });
      for (let n = 0; n < 25; n++) await place.publish(n, { key: 'k' });
      for (let minute = 0; minute < 60; minute++) await clock.advance(60_000);
      expect(await place.outbox.lag()).toMatchObject({ waiting: 25, parked: 0 });
      // At least every half minute, and not much more often.
      expect(told.length).toBeGreaterThan(110);
      expect(told.length).toBeLessThan(300);
      expect(told.at(-1)).toMatchObject({ trouble: 'messaging.driver_failed', due: 25 });
      expect(told.at(-1)!.lagMs).toBeGreaterThan(3_000_000);
      isAway = false;
      await clock.advance(30_000);
      await arrive(place, 25);
      expect(place.data()).toEqual(Array.from({ length: 25 }, (_, n) => n));
    },
  );

  it('finds the one message that breaks its batch, and sends all others', async () => {
    const clock = manualClock();
    const place = await open({
      clock,
      driver: (broker) =>
        sendingBy(broker, async (batch, send, call) => {
          if (batch.some((message) => bodyOf(message) === '"bad"')) throw new Error('The connection was closed.');
          return send(batch, call);
        }),
    });
    await place.publish('bad');
    for (let n = 0; n < 30; n++) await place.publish(n);
    await place.relay({ maxAttempts: 3 });
    for (let turn = 0; turn < 60; turn++) {
      await place.publish('more');
      await clock.advance(1000);
    }
    await expect.poll(() => place.outbox.lag()).toMatchObject({ waiting: 0, parked: 1 });
    for (let n = 0; n < 30; n++) expect(place.data()).toContain(n);
  });

  it('does not send again what it could not remove', async () => {
    const clock = manualClock();
    const place = await open({ clock });
    let failures = 3;
    const outbox = place.outboxOf({ db: failingDatabase(place.db, (name) => name === 'deleteMany' && failures-- > 0) });
    const relay = await place.relay({ outbox });
    await place.publish(1, {}, outbox);
    await arrive(place, 1);
    await expect.poll(() => relay.ping().then(() => 'well', String)).toContain('away');
    // Only now: it looks at once, and could have sent it first.
    await place.relay({ outbox: place.outboxOf(), poll: 50 });
    await clock.advance(10_000);
    await place.publish(2, {}, outbox);
    await expect.poll(() => place.outbox.lag()).toMatchObject({ waiting: 0 });
    expect(place.data()).toEqual([1, 2]);
    expect(failures).toBeLessThan(0);
    await relay.ping();
  });

  it('removes what it has sent before others may send it, however long the database was away before', async () => {
    const clock = manualClock();
    const place = await open({ clock });
    let isAway = true;
    let failures = 1;
    const outbox = place.outboxOf({
      db: failingDatabase(place.db, (name) => (isAway && name === 'find') || (name === 'deleteMany' && failures-- > 0)),
    });
    const relay = await place.relay({ outbox, random: () => 0 });
    await place.publish(1, {}, outbox);
    // Now it waits for 30 seconds before it tries again, twice as long as its turn lasts.
    await clock.advance(300_000);
    await expect(relay.ping()).rejects.toThrow('away');
    isAway = false;
    for (let second = 0; second < 31 && place.arrived.length === 0; second++) await clock.advance(1000);
    await arrive(place, 1);
    await place.relay({ outbox: place.outboxOf(), poll: 50 });
    await clock.advance(60_000);
    await expect.poll(() => place.outbox.lag()).toMatchObject({ waiting: 0 });
    expect(place.data()).toEqual([1]);
    expect(failures).toBeLessThan(0);
  });

  it('leaves its turn to another one at its close, and that one takes over when it just stops', async () => {
    const clock = manualClock();
    const place = await open({ clock });
    const first = await place.relay();
    await first.close();
    await place.relay({ outbox: place.outboxOf(), poll: 100 });
    await place.publish(1);
    await clock.advance(100);
    await arrive(place, 1);

    let stuck: (() => void) | undefined;
    const sent: WireMessage[] = [];
    const hanging = createMessaging({
      driver: sendingBy(memory({ clock }), (batch) => {
        sent.push(...batch);
        return new Promise((resolve) => {
          stuck = () => resolve(batch.map(() => ({ status: 'stored' })));
        });
      }),
      clock,
      timeout: '1h',
    });
    const other = place.outboxOf();
    const dead = await place.relay({ outbox: other, messaging: hanging, lease: '15s' });
    await place.publish(2, {}, other);
    await expect.poll(() => stuck).toBeDefined();
    // It renews, so nobody takes its turn.
    await clock.advance(60_000);
    expect(place.data()).toEqual([1]);
    // It is cut at its deadline: what is on its way may still arrive, so its turn runs out.
    const closing = dead.close({ timeout: '1s' });
    await clock.advance(2000);
    await closing;
    await clock.advance(6000);
    expect(place.data()).toEqual([1]);
    await clock.advance(12_000);
    await arrive(place, 2);
    expect(place.arrived[1]!.id).toBe(sent[0]!.id);
    stuck!();
    await hanging.close();
  });

  it('removes the marks of keys that are not used any more, and counts on', async () => {
    const clock = manualClock();
    const place = await open({ clock });
    const marks = async (): Promise<unknown[]> => {
      const { kysely } = place.db.native;
      const found = await kysely.selectFrom('ent_outbox_marks').select('id').where('id', 'like', 'key:%').execute();
      return found.map(({ id }) => id as unknown);
    };
    const relay = await place.relay();
    await place.db.transaction(async () => {
      for (let n = 0; n < 250; n++) await place.outbox.publish('t', n, { key: `k${n}` });
    });
    await arrive(place, 250);
    expect(await marks()).toHaveLength(250);
    await relay.close();
    await place.db.transaction(() => place.outbox.publish('nobody', 'waits', { key: 'k7', mandatory: true }));
    await place.relay({ maxAttempts: 1000, poll: '1m' });
    await clock.advance(2 * 3_600_000);
    await expect.poll(marks).toEqual(['key:k7']);
    await place.publish('again', { key: 'k3' });
    await arrive(place, 251);
    expect(await marks()).toEqual(['key:k3', 'key:k7']);
  });
});
