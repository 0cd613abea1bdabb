import { once } from 'node:events';
import { createTables } from '@ent/database/testing';
import { type Server, startServer, uniqueName } from '@ent/testkit';
import { itInDepth, type Round, type Rounds } from '@ent/testkit/vitest';
import { afterAll, beforeAll, expect } from 'vitest';
import { redisStreams } from '../src/drivers/redis-streams/index.ts';
import { createInbox } from '../src/inbox.ts';
import { createMessaging, type Message, type Messaging } from '../src/index.ts';
import { createOutbox } from '../src/outbox.ts';
import { databaseAt, orders, type PlaceOf, totals } from './fixtures/outbox-places.ts';
import type { Task } from './fixtures/outbox-process.ts';
import { migrate } from './outbox-support.ts';
import { startProcess } from './processes.ts';

/** Runs it to its end, or to its death, and answers how many steps it made, or undefined when it was killed. */
async function run(task: Task): Promise<number | undefined> {
  const child = startProcess('outbox-process.ts', task);
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal === 'SIGKILL') return undefined;
  expect([code, signal]).toEqual([0, null]);
  return Number(/steps (\d+)/.exec(text)?.[1]);
}

/** One place to store things, and what a test needs of it. */
interface Ground {
  readonly place: PlaceOf;
  readonly redis: string;
}

const ORDERS = 4;

/** A publisher that is killed before one of its steps; then another one does what is left. */
async function killPublisher({ place, redis }: Ground, dieAt: number): Promise<number | undefined> {
  const topic = uniqueName('t');
  const messaging = createMessaging({ driver: redisStreams({ url: redis }) });
  const arrived: Message[] = [];
  await messaging.subscribe(topic, { group: 'g' }, (message) => void arrived.push(message));
  const db = databaseAt(place);
  await migrate(db);
  await createTables(db, orders);
  const steps = await run({ place, redis, topic, role: 'publish', dieAt, orders: ORDERS });
  const outbox = createOutbox({ db });
  const relay = outbox.relay(messaging, { lease: 1000, poll: 50 });
  await relay.start();
  const expected = (await db.repo(orders).find({ sort: [['n', 'asc']] })).map(({ n }) => n);
  await expect.poll(() => outbox.lag()).toMatchObject({ waiting: 0 });
  await expect.poll(() => new Set(arrived.map(({ id }) => id)).size).toBe(expected.length);
  await relay.close();
  await messaging.close();
  await db.close();
  expectRight(arrived, expected, dieAt);
  return steps;
}

/** A message for each order that is stored, and for no other; those of a key in their order; a duplicate has its id. */
function expectRight(arrived: readonly Message[], expected: readonly number[], dieAt: number): void {
  const first = new Map<string, number>();
  for (const { id, data } of arrived) if (!first.has(id)) first.set(id, Number(data));
  const where = `killed before step ${dieAt}`;
  expect(
    [...first.values()].sort((a, b) => a - b),
    where,
  ).toEqual(expected);
  for (const [id, n] of first) expect(id, where).toBe(`order ${n}`);
  for (const parity of [0, 1]) {
    const ofKey = [...first.values()].filter((n) => n % 2 === parity);
    expect(ofKey, where).toEqual([...ofKey].sort((a, b) => a - b));
  }
  // At most what one batch had.
  expect(arrived.length - first.size, where).toBeLessThanOrEqual(ORDERS);
}

/** A consumer that is killed before one of its steps; then another one of its group goes on. */
async function killHandler({ place, redis }: Ground, dieAt: number): Promise<number | undefined> {
  const topic = uniqueName('t');
  const messaging: Messaging = createMessaging({ driver: redisStreams({ url: redis, lease: 1000 }) });
  const db = databaseAt(place);
  await migrate(db);
  await createTables(db, totals);
  await db.repo(totals).insert({ id: 'all', orders: 0, sum: 0 });
  const making = await messaging.subscribe(topic, { group: 'totals' }, () => {});
  await making.close();
  for (let n = 1; n <= ORDERS; n++) await messaging.publish(topic, n);
  const steps = await run({ place, redis, topic, role: 'handle', dieAt, orders: ORDERS });
  const handler = createInbox({ db }).once<unknown>(async ({ data }) => {
    await db.repo(totals).update('all', { inc: { orders: 1, sum: Number(data) } });
  });
  await messaging.subscribe(topic, { group: 'totals' }, handler);
  const all = () => db.repo(totals).get('all');
  await expect.poll(all).toMatchObject({ orders: ORDERS });
  // What comes twice has no effect: one more message shows that everything before it is through.
  await messaging.publish(topic, 100);
  await expect.poll(all).toMatchObject({ orders: ORDERS + 1 });
  expect(await all(), `killed before step ${dieAt}`).toMatchObject({ orders: ORDERS + 1, sum: 110 });
  await messaging.close();
  await db.close();
  return steps;
}

/** Most of the time of each goes by until what the dead process had is given to another one. */
const AT_ONCE = 4;

/** At all of the steps, or at some that are spread over them; `ground` makes a new place for each. */
async function atSteps(
  kill: (ground: Ground, dieAt: number) => Promise<number | undefined>,
  ground: () => Promise<Ground>,
  { count: percent, seed, tell }: Round,
): Promise<void> {
  const steps = (await kill(await ground(), Number.MAX_SAFE_INTEGER)) as number;
  expect(steps).toBeGreaterThan(15);
  const kills = Math.ceil((steps * percent) / 100);
  let next = 0;
  const killSome = async (): Promise<void> => {
    while (next < kills) {
      let dieAt = 1 + ((seed + Math.floor((next++ * steps) / kills)) % steps);
      // The last steps may not be reached, since how many there are depends on how messages meet in batches: then an
      // early one.
      for (let made = await kill(await ground(), dieAt); made !== undefined; made = await kill(await ground(), dieAt)) {
        dieAt = 1 + (dieAt % made);
      }
      tell(Math.floor((next * percent) / kills));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, killSome));
}

/** Before how many of its statements and sends a process is killed: in the soak before each. */
const KILLS: Rounds = { full: 100, ci: 5, of: 'percent of its steps' };

/** Declares the tests that kill processes at their statements; `ground` makes a new place for each of them. */
export function testKills(ground: () => Promise<Ground>): void {
  itInDepth('an outbox has a message for each change that is stored, whenever its process is killed', KILLS, (round) =>
    atSteps(killPublisher, ground, round),
  );

  itInDepth('an inbox has the effect of each message once, whenever its process is killed', KILLS, (round) =>
    atSteps(killHandler, ground, round),
  );
}

/** The same with a Redis of its own as the broker, for databases that are the server of the block. */
export function testKillsWithRedis(placeOf: () => Promise<PlaceOf>): void {
  let redis: Server;
  beforeAll(async () => {
    redis = await startServer('redis');
  });
  afterAll(() => redis?.close());
  testKills(async () => ({ place: await placeOf(), redis: redis.url }));
}
