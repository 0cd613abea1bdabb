import { createDatabase, type Database } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { itInDepth } from '@ent/testkit/vitest';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { memory } from '../src/drivers/memory.ts';
import { createMessaging, messagingErrors } from '../src/index.ts';
import { mulberry32 } from '../src/internal/faults.ts';
import { createOutbox, type OutboxDatabase, type Relay } from '../src/outbox.ts';
import { manualClock } from '../src/testing.ts';
import { migrate, sendingBy } from './outbox-support.ts';

interface Rates {
  /** A statement fails: before it is run, or after it (then its answer is lost). */
  readonly database: number;
  /** A message does not reach the broker, or its confirmation is lost. */
  readonly broker: number;
  /** A relay stands still while it sends, for longer than its turn lasts. */
  readonly pause: number;
  /** A relay is closed, and another one started. */
  readonly restart: number;
}

/** A database whose statements fail now and then. */
function failing(db: Database, fails: () => 'before' | 'after' | undefined): OutboxDatabase {
  const away = (): Error => messagingErrors.unavailable('The database is away.');
  return {
    features: db.features,
    transaction: (work, options) => db.transaction(work, options),
    afterCommit: (hook) => db.afterCommit(hook),
    repo(entity) {
      const rows = db.repo(entity);
      return new Proxy(rows, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target);
          if (typeof value !== 'function') return value;
          return async (...rest: unknown[]): Promise<unknown> => {
            const when = fails();
            if (when === 'before') throw away();
            const answer: unknown = await value.apply(target, rest);
            if (when === 'after') throw away();
            return answer;
          };
        },
      });
    },
  };
}

/** Fifty messages of four keys and of none, by two publishers, through three relays. */
async function simulate(seed: number, rates: Rates) {
  // The database makes a break when a turn of the event loop takes long; that would be another one each time.
  vi.spyOn(performance, 'now').mockReturnValue(0);
  const clock = manualClock();
  const random = mulberry32(seed);
  const chance = (rate: number): boolean => random() < rate;
  const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
  await migrate(db);
  let isCalm = false;
  const flaky = failing(db, () => (isCalm || !chance(rates.database) ? undefined : chance(0.5) ? 'before' : 'after'));
  const { broker: rate } = rates;
  const broker = memory({ clock, faults: { seed, loseSend: rate, loseConfirm: rate } });
  const messaging = createMessaging({ driver: broker, clock });
  const arrived: string[] = [];
  await messaging.subscribe('t', { group: 'g' }, ({ id }) => void arrived.push(id));

  const driver = sendingBy(broker, async (batch, send, call) => {
    if (chance(rates.pause)) await new Promise<void>((resolve) => clock.after(60_000, resolve));
    return send(batch, call);
  });
  const own = createMessaging({ driver, clock, timeout: '1h' });
  const outboxes = [createOutbox({ db: flaky, clock }), createOutbox({ db: flaky, clock })];
  const relays: Relay[] = [];
  const startRelay = async (): Promise<void> => {
    const relay = outboxes[Math.floor(random() * 2)]!.relay(own, { clock, random, batch: 8, maxAttempts: 1000 });
    await relay.start().then(
      () => relays.push(relay),
      () => {},
    );
  };
  for (let n = 0; n < 3; n++) await startRelay();

  /** What was committed, by key. */
  const committed = new Map<string, string[]>();
  for (let n = 0; n < 50; n++) {
    const key = ['a', 'b', 'c', 'd', undefined][Math.floor(random() * 5)];
    const id = `m${n}`;
    const outbox = outboxes[Math.floor(random() * 2)]!;
    const rollsBack = chance(0.1);
    const publishing = db.transaction(async () => {
      await outbox.publish('t', n, { id, ...(key && { key }) });
      if (rollsBack) throw new Error('no');
    });
    const isStored = await publishing.then(
      () => true,
      () => false,
    );
    if (isStored) committed.set(key ?? 'none', [...(committed.get(key ?? 'none') ?? []), id]);
    if (chance(rates.restart) && relays.length > 0) {
      const [relay] = relays.splice(Math.floor(random() * relays.length), 1);
      // Some are cut in the middle of what they do.
      const closing = relay!.close({ timeout: chance(0.5) ? 1 : '1h' });
      await clock.advance(5000);
      void closing.catch(() => {});
      await startRelay();
    }
    if (chance(0.5)) await clock.advance(Math.floor(random() * 3000));
  }
  isCalm = true;
  if (relays.length === 0) await startRelay();
  for (let turn = 0; turn < 400 && (await outboxes[0]!.lag()).waiting > 0; turn++) await clock.advance(5000);
  await clock.advance(120_000);
  const lag = await outboxes[0]!.lag();
  const closing = [...relays.map((relay) => relay.close()), messaging.close(), own.close()];
  await clock.advance(60_000);
  await Promise.all(closing);
  await db.close();
  return { committed, arrived, lag };
}

type Outcome = Awaited<ReturnType<typeof simulate>>;

/** Everything that was committed arrived, nothing else, and that of each key for the first time in its order. */
function expectNothingLost({ committed, arrived, lag }: Outcome, seed: number): void {
  expect(lag, `seed ${seed}`).toMatchObject({ waiting: 0, parked: 0 });
  const first = [...new Set(arrived)];
  const all = [...committed.values()].flat();
  expect(new Set(first), `seed ${seed}`).toEqual(new Set(all));
  for (const [key, ids] of committed) {
    if (key === 'none') continue;
    expect(
      first.filter((id) => ids.includes(id)),
      `seed ${seed}, key ${key}`,
    ).toEqual(ids);
  }
}

afterEach(() => vi.restoreAllMocks());

describe('relays where everything goes wrong now and then', () => {
  itInDepth('lose nothing, and keep the order of each key', { full: 200, ci: 8, of: 'seeds' }, async (round) => {
    let duplicates = 0;
    for (let seed = round.seed; seed < round.seed + round.count; seed++) {
      const outcome = await simulate(seed, { database: 0.05, broker: 0.05, pause: 0.03, restart: 0.1 });
      expectNothingLost(outcome, seed);
      duplicates += outcome.arrived.length - new Set(outcome.arrived).size;
    }
    // The faults did happen.
    expect(duplicates).toBeGreaterThan(0);
  });

  itInDepth('send nothing twice while none is paused or cut', { full: 200, ci: 8, of: 'seeds' }, async (round) => {
    for (let seed = round.seed; seed < round.seed + round.count; seed++) {
      const outcome = await simulate(seed, { database: 0.1, broker: 0, pause: 0, restart: 0 });
      expectNothingLost(outcome, seed);
      expect(outcome.arrived, `seed ${seed}`).toHaveLength(new Set(outcome.arrived).size);
    }
  });

  it('go wrong in the same way for the same seed', async () => {
    const rates = { database: 0.05, broker: 0.05, pause: 0.03, restart: 0.1 };
    const [one, again] = [await simulate(7, rates), await simulate(7, rates)];
    expect(again.arrived).toEqual(one.arrived);
  });
});
