// Messages on their way between processes, while the broker is killed, and who handles them.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createTables } from '@ent/database/testing';
import { randomOf, type Server, startServer, uniqueName, writtenDown } from '@ent/testkit';
import { itInDepth, type Rounds } from '@ent/testkit/vitest';
import { afterAll, beforeAll, expect } from 'vitest';
import { createMessaging, type MessagingDriver } from '../src/index.ts';
import type { CrashTask } from './fixtures/crash-process.ts';
import { databaseAt, effects } from './fixtures/outbox-places.ts';
import { migrate } from './outbox-support.ts';
import { startProcess } from './processes.ts';
import { patientCall } from './support.ts';

const MESSAGES: Rounds = { full: 100_000, ci: 10_000, of: 'messages' };
/** How many messages each process has in flight at the most. */
const WINDOW = 25;
/** So many more than are handled may be published: what is killed is always in the midst of something. */
const AHEAD = 800;
/** How many wait when a process that handles them is told to end. */
const DRAINED = 100;
/** Counting a hundred thousand takes a while. */
const PATIENT = { timeout: 600_000, interval: 250 };

/** A process that handles messages, from when it is ready. */
interface Worker {
  readonly child: ChildProcess;
  readonly ready: Promise<unknown>;
}

/** Declares the test for a broker that may be killed; it has to keep what it has confirmed. */
export function testCrashes(
  name: CrashTask['broker'],
  server: Server,
  driverOf: (url: string) => MessagingDriver,
): void {
  let postgres: Server;
  beforeAll(async () => {
    postgres = await startServer('postgres');
  });
  afterAll(() => postgres?.close());

  const text = 'loses nothing, and has each effect once, when the broker and those who handle are killed';
  itInDepth(text, MESSAGES, async ({ count, seed, tell }) => {
    const random = randomOf(seed);
    const isWhole = count === MESSAGES.full;
    const processes = isWhole ? 4 : 2;
    const kills = isWhole ? { broker: 20, worker: 20 } : { broker: 2, worker: 2 };
    const topic = uniqueName('crashes');
    const db = databaseAt({ kind: 'postgres', url: postgres.url, searchPath: 'public' });
    await migrate(db);
    await createTables(db, effects);
    const driver = driverOf(server.url);
    await driver.ensure({ topic, group: 'g' }, patientCall());
    const left = async (): Promise<unknown> => {
      const { ready, leased = 0 } = (await driver.count({ topic, group: 'g' }, patientCall())) ?? {};
      return { ready, leased };
    };

    // Most of the time of a message is waiting for others.
    const place = { kind: 'postgres', url: postgres.url, searchPath: 'public', max: 12 } as const;
    const common = { broker: name, url: server.url, topic, window: WINDOW };
    const startWorker = (): Worker => {
      const child = startProcess('crash-process.ts', { ...common, role: 'handle', place } satisfies CrashTask);
      const ready = once(child, 'message');
      // One that is killed before is none.
      ready.catch(() => {});
      return { child, ready };
    };
    const workers = Array.from({ length: processes }, startWorker);
    await Promise.all(workers.map(({ ready }) => ready));
    const each = count / processes;
    const publishers = Array.from({ length: processes }, (_, n) =>
      startProcess('crash-process.ts', { ...common, role: 'publish', ids: [`p${n}-`, each] } satisfies CrashTask),
    );
    const ends = publishers.map((one) => once(one, 'exit'));
    await writtenDown(server);

    /** What is done, for which publishers go on. */
    const handled = async (): Promise<number> => {
      const done = await db.repo(effects).count();
      tell(done);
      const allowed = Math.ceil((done + AHEAD) / processes);
      // One that has published all may end before it hears it.
      for (const one of publishers) if (one.connected) one.send(allowed, () => {});
      return done;
    };
    try {
      const moments = Array.from({ length: kills.broker + kills.worker }, (_, n) => ({
        whom: n < kills.broker ? 'broker' : 'worker',
        at: Math.floor(random() * 0.95 * count),
      }));
      for (const { whom, at } of moments.toSorted((a, b) => a.at - b.at)) {
        await expect.poll(handled, PATIENT).toBeGreaterThanOrEqual(at);
        if (whom === 'broker') {
          await server.kill();
          await server.start();
          continue;
        }
        const n = Math.floor(random() * processes);
        await end(workers[n]!, 'SIGKILL');
        workers[n] = startWorker();
      }
      await expect.poll(handled, PATIENT).toBeGreaterThanOrEqual(count);
      expect(await Promise.all(ends)).toEqual(ends.map(() => [0, null]));
      // What is left are duplicates.
      await expect.poll(left, PATIENT).toEqual({ ready: 0, leased: 0 });
      const duplicates = (await seen(db)).times - count;
      // At most what was in flight: of all processes when the broker was killed, else of the one that was.
      const inFlight = kills.broker * 2 * processes * WINDOW + kills.worker * WINDOW;
      expect(duplicates).toBeLessThanOrEqual(inFlight);
      if (isWhole) console.log(`${name}: ${duplicates} duplicates of ${inFlight} that were in flight at the kills.`);

      // An orderly end, with more to do than there is time for, makes none.
      const messaging = createMessaging({ driver, timeout: '2m' });
      for (const [n, worker] of workers.entries()) {
        const more = Array.from({ length: DRAINED }, (_, at) => ({ data: at, id: `d${n}-${at}` }));
        await Promise.all([messaging.publishMany(topic, more), worker.ready]);
        expect(await end(worker, 'SIGTERM')).toEqual([0, null]);
        workers[n] = startWorker();
      }
      const all = count + processes * DRAINED;
      await expect.poll(() => db.repo(effects).count(), PATIENT).toBe(all);
      await expect.poll(left, PATIENT).toEqual({ ready: 0, leased: 0 });
      await Promise.all(workers.map(({ ready }) => ready));
      expect(await Promise.all(workers.map((worker) => end(worker, 'SIGTERM')))).toEqual(workers.map(() => [0, null]));
      expect(await seen(db)).toEqual({ messages: all, times: all + duplicates });
    } finally {
      for (const one of [...workers.map(({ child }) => child), ...publishers]) one.kill('SIGKILL');
    }

    const { kysely } = db.native;
    const effectsOf = new Map<string, number>();
    for (const { message } of await kysely.selectFrom('effects').select('message').execute()) {
      effectsOf.set(String(message), (effectsOf.get(String(message)) ?? 0) + 1);
    }
    const twice = [...effectsOf].filter(([, times]) => times > 1);
    const idsOf = (prefix: string, length: number): string[] => Array.from({ length }, (_, at) => `${prefix}-${at}`);
    const published = publishers.flatMap((_, n) => [...idsOf(`p${n}`, each), ...idsOf(`d${n}`, DRAINED)]);
    const lost = published.filter((id) => !effectsOf.delete(id));
    expect({ lost, twice, unknown: [...effectsOf.keys()] }).toEqual({ lost: [], twice: [], unknown: [] });
    await Promise.all([db.close(), driver.close()]);
  });
}

/** Sends the signal, and answers how the process ended. */
async function end({ child }: Worker, signal: NodeJS.Signals): Promise<unknown[]> {
  const exit = once(child, 'exit');
  child.kill(signal);
  return await exit;
}

/** What the inbox has: how many messages, and how often they came. */
async function seen(db: ReturnType<typeof databaseAt>): Promise<{ messages: number; times: number }> {
  const { messages, times } = await db.native.kysely
    .selectFrom('ent_inbox')
    .select(({ fn }) => [fn.countAll<string>().as('messages'), fn.sum<string>('times').as('times')])
    .executeTakeFirstOrThrow();
  return { messages: Number(messages), times: Number(times) };
}
