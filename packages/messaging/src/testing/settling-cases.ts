import assert from 'node:assert/strict';
import type { Source } from '../driver.ts';
import { countUntil } from './counting-cases.ts';
import type { MessagingHarness } from './harness.ts';
import { type MessagingCase, numbers, receiveDelayed, textsOf } from './kit.ts';

/** Whether the broker itself brings back what failed. */
const keepsRetries = ({ features }: MessagingHarness): boolean => features.delayedRetry && features.countsAttempts;
const leases = ({ features }: MessagingHarness): boolean => features.leases;
const disconnects = ({ disconnect }: MessagingHarness): boolean => disconnect !== undefined;

/** What a driver must do by itself: what becomes of deliveries. */
export const settlingCases: readonly MessagingCase[] = [
  {
    name: 'a source has a lease where the features say so',
    async run(kit) {
      const { leaseMs } = await kit.subscribe('g');
      assert.equal(leaseMs !== null && leaseMs > 0, kit.harness.features.leases);
    },
  },
  {
    name: 'nothing is delivered twice while it is leased',
    async run(kit) {
      const [a, b] = [await kit.subscribe('g'), await kit.subscribe('g')];
      await kit.send('x');
      await kit.receive(a, 1);
      await kit.receiveNothing(a);
      await kit.receiveNothing(b);
    },
  },
  {
    name: 'what is acknowledged never comes back',
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send('x', 'y');
      const deliveries = await kit.receive(source, 2);
      assert.deepEqual(await source.settle(deliveries.map(({ token }) => ({ token, action: 'ack' }))), ['ok', 'ok']);
      if (source.leaseMs !== null) await kit.pass(source.leaseMs + 1);
      await source.close();
      await kit.receiveNothing(await kit.subscribe('g'));
    },
  },
  {
    name: 'what is acknowledged is done alone, not what came before it',
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send('x', 'y', 'z');
      const deliveries = await kit.receive(source, 3);
      assert.deepEqual(await source.settle([{ token: deliveries[2]!.token, action: 'ack' }]), ['ok']);
      await source.close();
      const again = await kit.receive(await kit.subscribe('g'), 2);
      assert.deepEqual(textsOf(again).sort(), ['x', 'y']);
    },
  },
  {
    name: 'what is acknowledged when its source closes is done, however much it is',
    async run(kit) {
      for (const receivesOn of [true, false]) {
        const source = await kit.subscribe('g');
        await kit.send(...numbers(400));
        const deliveries = await kit.receive(source, 400);
        // As at the end of a subscription: it receives no more, and its handlers end.
        if (!receivesOn) await source.receive(1, AbortSignal.abort());
        await source.settle(deliveries.map(({ token }) => ({ token, action: 'ack' })));
        await source.close();
        const witness = await kit.subscribe('g');
        await kit.receiveNothing(witness);
        await witness.close();
        await countUntil(kit, 'g', { ready: 0 });
      }
    },
  },
  {
    name: 'what is released comes back at once, with the same attempt',
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send('x');
      for (let turn = 0; turn < 3; turn++) {
        const deliveries = await kit.receive(source, 1);
        kit.assertAttempts(deliveries, 1);
        assert.deepEqual(await source.settle([{ token: deliveries[0]!.token, action: 'release' }]), ['ok']);
      }
    },
  },
  {
    name: 'what is retried comes back after its delay, with the next attempt',
    when: keepsRetries,
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send('x');
      let [delivery] = await kit.receive(source, 1);
      kit.assertAttempts([delivery!], 1);
      for (let attempt = 2; attempt <= 4; attempt++) {
        delivery = await receiveDelayed(kit, source, [{ token: delivery!.token, action: 'retry', delayMs: 500 }]);
        kit.assertAttempts([delivery], attempt);
      }
    },
  },
  {
    name: 'a message that waits for its retry holds up no other',
    when: keepsRetries,
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send('slow', 'next');
      const [slow] = await kit.receive(source, 1);
      await source.settle([{ token: slow!.token, action: 'retry', delayMs: 60_000 }]);
      assert.deepEqual(textsOf(await kit.receive(source, 1)), ['next']);
    },
  },
  {
    name: 'settling twice is stale and changes nothing',
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send('x');
      const [delivery] = await kit.receive(source, 1);
      const token = delivery!.token;
      const results = await source.settle([
        { token, action: 'ack' },
        { token, action: 'ack' },
        { token, action: 'release' },
      ]);
      assert.deepEqual(results, ['ok', 'stale', 'stale']);
      const late = keepsRetries(kit.harness)
        ? ({ token, action: 'retry', delayMs: 0 } as const)
        : ({ token, action: 'release' } as const);
      assert.deepEqual(await source.settle([late]), ['stale']);
      await kit.receiveNothing(source);
    },
  },
  {
    name: 'a lease that ends gives the message to another, as the next attempt',
    when: leases,
    async run(kit) {
      const [a, b] = [await kit.subscribe('g'), await kit.subscribe('g')];
      await kit.send('x', 'y');
      const [first, second] = await kit.receive(a, 2);
      await kit.pass(leaseOf(a) + 1);
      const again = await kit.receive(b, 2);
      kit.assertAttempts(again, 2);
      assert.deepEqual(await a.renew([second!.token]), ['stale']);
      // The late answers of the first one must not settle what the second one works on.
      for (const action of ['ack', 'release'] as const) {
        assert.deepEqual(await a.settle([{ token: first!.token, action }]), ['stale']);
      }
      assert.deepEqual(await a.renew([first!.token]), ['stale']);
      await kit.receiveNothing(a);
      assert.deepEqual(await b.settle(again.map(({ token }) => ({ token, action: 'ack' }))), ['ok', 'ok']);
    },
  },
  {
    name: 'a renewed lease lasts',
    when: leases,
    async run(kit) {
      const [a, b] = [await kit.subscribe('g'), await kit.subscribe('g')];
      await kit.send('x');
      const [delivery] = await kit.receive(a, 1);
      for (let turn = 0; turn < 4; turn++) {
        await kit.pass(leaseOf(a) * 0.4);
        assert.deepEqual(await a.renew([delivery!.token]), ['ok']);
        await kit.receiveNothing(b);
      }
      assert.deepEqual(await a.settle([{ token: delivery!.token, action: 'ack' }]), ['ok']);
    },
  },
  {
    name: 'a source that closes gives back what is unsettled, at once and in order',
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send(...numbers(10));
      const deliveries = await kit.receive(source, 10);
      await source.settle(deliveries.slice(0, 3).map(({ token }) => ({ token, action: 'ack' })));
      await source.close();
      await source.close();
      const late = await source.settle(deliveries.slice(3).map(({ token }) => ({ token, action: 'ack' })));
      assert.deepEqual(new Set(late), new Set(['stale']));
      const again = await kit.receive(await kit.subscribe('g'), 7);
      const texts = textsOf(again);
      assert.deepEqual(kit.harness.features.ordered ? texts : texts.sort(), numbers(10).slice(3));
      kit.assertAttempts(again, 1);
    },
  },
  {
    name: 'a broken connection kills the source, and what it had given out comes back as the next attempt',
    when: disconnects,
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send('x');
      const [delivery] = await kit.receive(source, 1);
      await kit.harness.disconnect?.(kit.driver);
      await assert.rejects(kit.soon(source.receive(1, kit.signal)), (error: Error) => error.name !== 'AssertionError');
      assert.deepEqual(await source.settle([{ token: delivery!.token, action: 'ack' }]), ['stale']);
      const again = await kit.receive(await kit.subscribe('g'), 1);
      assert.deepEqual(textsOf(again), ['x']);
      kit.assertAttempts(again, 2);
    },
  },
];

function leaseOf({ leaseMs }: Source): number {
  assert.ok(leaseMs !== null, 'the source has a lease');
  return leaseMs;
}
