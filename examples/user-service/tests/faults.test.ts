// What the service stands on goes away, one part at a time and two at once, in each way in which a part can.
import { randomOf, type Server, startServer } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Client } from './client.ts';
import { type Estate, type Fault, faultsOf, openEstate } from './estate.ts';
import type { Service } from './service.ts';
import { clientsOf, openWitness, type Witness } from './witness.ts';

const [database, cache, broker] = (['database', 'cache', 'broker'] as const).map(faultsOf) as [
  Fault[],
  Fault[],
  Fault[],
];
const pairs = (some: Fault[], others: Fault[]): Fault[][] => some.flatMap((one) => others.map((two) => [one, two]));
/** Nine alone, and 27 in pairs. */
const CASES = [
  ...[...database, ...cache, ...broker].map((one) => [one]),
  ...pairs(database, cache),
  ...pairs(database, broker),
  ...pairs(cache, broker),
];
const nameOf = (faults: Fault[]): string => faults.map(({ part, way }) => `${part} ${way}`).join(' and ');

describeWithServer('postgres', { killable: true }, (postgres) => {
  describeWithServer('redis', { killable: true }, (redis) => {
    let events: Server;
    let estate: Estate;
    let services: Service[];
    let apis: Client[];
    let witness: Witness;

    beforeAll(async () => {
      events = await startServer('redis');
      const servers = { database: postgres, cache: redis, broker: events };
      estate = await openEstate(servers, { RATE_LIMIT_PER_MINUTE: '1000000', ACCESS_TOKEN_TTL: '2h' });
      services = await Promise.all([estate.start(), estate.start()]);
      apis = clientsOf(services.map(({ url }) => url));
      witness = await openWitness(apis[0]!, servers, 2);
    });
    afterAll(async () => {
      await witness?.close();
      await estate?.close();
      await events?.close();
    });

    const ready = (api: Client) => async () => (await api.call('GET', '/readyz')).status;
    const health = (api: Client) => async () => (await api.call('GET', '/health')).body.status;

    const both = (each: (api: Client, person: Witness['persons'][number]) => Promise<void>): Promise<void[]> =>
      Promise.all(apis.map((api, n) => each(api, witness.persons[n]!)));

    itInDepth('no fault loses what was acknowledged', { full: CASES.length, ci: 3, of: 'faults' }, async (round) => {
      const { count, seed, tell } = round;
      const first = Math.floor(randomOf(seed)() * CASES.length);
      const chosen = Array.from(
        { length: count },
        (_, n) => CASES[(first + Math.floor((n * CASES.length) / count)) % CASES.length]!,
      );
      const took: { message: string; down: number; back: number }[] = [];
      for (const faults of chosen) {
        tell(took.length);
        const message = nameOf(faults);
        const isDown = faults.some(({ part }) => part === 'database');
        const began = performance.now();
        await Promise.all(faults.map((fault) => estate.begin(fault)));
        try {
          // Both at once: each waits for what does not answer.
          await both(async (api, person) => {
            const answer = await witness.write(person, api);
            expect(answer?.status, message).toBe(isDown ? 503 : 200);
            if (isDown) expect(Number(answer?.headers.get('retry-after')), message).toBeGreaterThan(0);
            await expect.poll(ready(api), { message }).toBe(isDown ? 503 : 200);
            await expect.poll(health(api), { message }).toBe(isDown ? 'fail' : 'warn');
          });
        } finally {
          await Promise.all(faults.map((fault) => estate.end(fault)));
        }
        const healed = performance.now();
        await both(async (api, person) => {
          await expect.poll(ready(api), { message }).toBe(200);
          await expect.poll(async () => (await witness.write(person, api))?.status, { message }).toBe(200);
        });
        const over = performance.now();
        took.push({ message, down: healed - began, back: over - healed });
        await both((api) => expect.poll(health(api), { message }).toBe('pass'));
        for (const { process, output } of services) expect(process.exitCode, output().slice(-2000)).toBe(null);
      }
      await witness.verify(apis);
      for (const each of ['down', 'back'] as const) {
        const { message, [each]: ms } = took.toSorted((a, b) => b[each] - a[each])[0]!;
        console.log(`The longest ${each === 'down' ? 'fault' : 'recovery'} was ${Math.round(ms)} ms: ${message}.`);
      }
    });
  });
});
