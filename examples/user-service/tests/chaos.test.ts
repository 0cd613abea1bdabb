// Ten minutes in which something goes wrong every ten seconds: a part of what the service stands on is killed, stopped
// or dark, two of them are, or an instance is killed.
import { randomOf } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Answer, Client } from './client.ts';
import { type Estate, type Fault, faultsOf, openEstate, PARTS } from './estate.ts';
import type { Service } from './service.ts';
import { clientsOf, openWitness, type Witness } from './witness.ts';

const EVERY_MS = 10_000;
const FAULTS = PARTS.flatMap(faultsOf);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describeWithServer('postgres', { killable: true }, (database) => {
  describeWithServer('redis', { killable: true }, (cache) => {
    describeWithServer('rabbitmq', { killable: true }, (broker) => {
      let estate: Estate;
      let services: Service[];
      let apis: Client[];
      let witness: Witness;

      beforeAll(async () => {
        const servers = { database, cache, broker };
        // Who waited out a fault is no thief, and an access token lives longer than the run.
        const lives = { REFRESH_GRACE: '60s', ACCESS_TOKEN_TTL: '2h' };
        estate = await openEstate(servers, { RATE_LIMIT_PER_MINUTE: '1000000', ...lives });
        services = [await estate.start(), await estate.start()];
        apis = clientsOf(services.map(({ url }) => url));
        witness = await openWitness(apis[0]!, servers, 6);
      });
      afterAll(async () => {
        await witness?.close();
        await estate?.close();
      });

      itInDepth('in the end all is well', { full: 10, ci: 0, of: 'minutes of faults' }, async ({ count, seed }) => {
        const random = randomOf(seed);
        const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
        const began = performance.now();
        const said = new Map<string, number>();
        let isOver = false;

        const live = async (n: number): Promise<void> => {
          const person = witness.persons[n]!;
          // Whose renewal came to nothing asks again at once, before the window of the spent token has passed.
          let renews = false;
          for (let turn = 0; !isOver; turn++) {
            const api = apis[(n + turn) % apis.length]!;
            renews ||= turn % 20 === 19;
            const answer: Answer | undefined = await (renews ? witness.renew(person, api) : witness.write(person, api));
            renews &&= answer?.status !== 200;
            const status = answer === undefined ? 'no answer' : String(answer.status);
            said.set(status, (said.get(status) ?? 0) + 1);
            // Whoever is told to come back is told when.
            if (answer?.status === 503) expect(answer.headers.has('retry-after')).toBe(true);
            else if (answer !== undefined) expect(answer).toMatchObject({ status: 200 });
            await pause(100);
          }
        };
        const restart = async (n: number): Promise<void> => {
          const { port } = new URL(services[n]!.url);
          await services[n]!.kill();
          services[n] = await estate.start(port);
        };
        const ends = (fault: Fault, ms: number): Promise<void> => pause(ms).then(() => estate.end(fault));
        const tell = (what: string): void =>
          console.log(`${Math.round((performance.now() - began) / 1000)} s: ${what}; ${JSON.stringify([...said])}`);

        const breakIt = async (): Promise<void> => {
          for (let round = 1; performance.now() - began < count * 60_000; round++) {
            const lasts = 1000 + random() * 7000;
            const one = pick(FAULTS);
            const two = pick(FAULTS.filter(({ part }) => part !== one.part));
            const dice = random();
            if (dice < 0.15) {
              tell('an instance is killed');
              await restart(Math.floor(random() * services.length));
            } else {
              const faults = dice < 0.45 ? [one, two] : [one];
              tell(`${faults.map(({ part, way }) => `${part} ${way}`).join(' and ')}, for ${Math.round(lasts)} ms`);
              await Promise.all(faults.map((fault) => estate.begin(fault)));
              await Promise.all(faults.map((fault) => ends(fault, lasts)));
            }
            // A part that is slow to come back puts the next round off; none is left out.
            await pause(Math.max(0, began + round * EVERY_MS - performance.now()));
          }
          isOver = true;
        };
        const living = witness.persons.map((_, n) => live(n));
        try {
          await Promise.all([breakIt(), ...living]);
        } finally {
          isOver = true;
        }

        for (const api of apis) {
          const health = async () => (await api.call('GET', '/health')).body.status;
          await expect.poll(health, { timeout: 120_000 }).toBe('pass');
        }
        // No session ended that should live.
        for (const person of witness.persons) expect((await witness.renew(person, apis[0]!))?.status).toBe(200);
        await witness.verify(apis);
        for (const { process } of services) expect(process.exitCode).toBe(null);
        tell(
          `${witness.persons.reduce((sum, { acknowledged }) => sum + acknowledged, 0)} was the sum of the last names`,
        );
      });
    });
  });
});
