// Acknowledged by one word is all that lies before it on the channel: whatever is settled in between, and in whatever
// order, what nobody acknowledged has to come again, and nothing else.
import { randomOf, uniqueName } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { createMessaging, type Delivery, type Settlement, type Source } from '../../src/index.ts';
import { patientCall } from '../support.ts';

const ROUNDS = { full: 2_000, ci: 60, of: 'rounds' };

describeWithServer('rabbitmq', (server) => {
  for (const queues of ['quorum', 'classic'] as const) {
    itInDepth(`settles what it is told to, and nothing else (${queues})`, ROUNDS, async ({ count, seed }) => {
      const [random, call] = [randomOf(seed), patientCall()];
      const pick = (below: number): number => Math.floor(random() * below);
      const spec = { topic: uniqueName('multiple'), group: 'g', prefetch: 12 };
      const driver = rabbitmq({ url: server.url, queues });
      await driver.ensure(spec, call);
      const messaging = createMessaging({ driver, timeout: '30s' });
      const left = new Set<string>();
      let made = 0;
      const fill = async (): Promise<void> => {
        const ids = Array.from({ length: 30 - left.size }, () => `m${made++}`);
        await messaging.publishMany(
          spec.topic,
          ids.map((id) => ({ id, data: id })),
        );
        for (const id of ids) left.add(id);
      };
      let [source, held]: [Source, Delivery[]] = [await driver.subscribe(spec, call), []];
      const settle = async (): Promise<void> => {
        const chosen = held.filter(() => random() < 0.6).sort(() => random() - 0.5);
        const batch = chosen.map(({ token }): Settlement => ({ token, action: random() < 0.7 ? 'ack' : 'release' }));
        const results = await source.settle([...batch, ...batch.slice(0, 1)]);
        expect(results).toEqual([...batch.map(() => 'ok'), ...batch.slice(0, 1).map(() => 'stale')]);
        for (const [at, { message }] of chosen.entries()) if (batch[at]!.action === 'ack') left.delete(message.id);
        held = held.filter((one) => !chosen.includes(one));
      };
      for (let round = 0; round < count; round++) {
        if (left.size < 20) await fill();
        if (held.length < spec.prefetch) held.push(...(await source.receive(1 + pick(4), call.signal)));
        for (const { message } of held) expect(left).toContain(message.id);
        await settle();
        // It stops receiving, and goes on with what it holds.
        if (pick(6) === 0) expect(await source.receive(1, AbortSignal.abort())).toEqual([]);
        if (pick(12) > 0) continue;
        await source.close();
        [source, held] = [await driver.subscribe(spec, call), []];
      }
      await source.close();
      source = await driver.subscribe({ ...spec, prefetch: 100 }, call);
      const rest: string[] = [];
      while (rest.length < left.size) {
        for (const { message } of await source.receive(100, call.signal)) rest.push(message.id);
      }
      expect(rest.sort()).toEqual([...left].sort());
      await source.close();
      await expect.poll(() => driver.count(spec, call)).toMatchObject({ ready: left.size });
      await messaging.close();
    });
  }
});
