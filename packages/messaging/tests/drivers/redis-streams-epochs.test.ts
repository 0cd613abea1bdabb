// Answers that come late, when somebody else has the message by now.
import { randomOf } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import type { Delivery, Settlement, Source } from '../../src/index.ts';
import { onStreams, receive } from './redis-streams-support.ts';

describeWithServer('redis', (server) => {
  const setUp = onStreams(() => server.url);

  itInDepth(
    'what others have claimed is never settled nor renewed by who had it before',
    { full: 10_000, ci: 75, of: 'epochs' },
    async ({ count, seed, tell }) => {
      const random = randomOf(seed);
      const { topic, driver, native, send, stream } = await setUp({ lease: '1m' });
      const call = { deadlineAt: performance.now() + 3_600_000, signal: new AbortController().signal };
      const spec = { topic, group: 'g', prefetch: 10 };
      await driver.ensure(spec, call);
      const bodies = Array.from({ length: 8 }, (_, n) => `m${n}`);
      await send(...bodies);
      const allStale = Array.from({ length: 4 }, () => 'stale');
      let [old, late]: [Source | undefined, Settlement[]] = [undefined, []];
      for (let epoch = 0; epoch < count; epoch++) {
        const source = await driver.subscribe(spec, call);
        const deliveries: Delivery[] = await receive(source, 4);
        if (old) {
          // It still lives, and has been told nothing.
          if (random() < 0.5) expect(await old.renew(late.map(({ token }) => token))).toEqual(allStale);
          expect(await source.settle(late)).toEqual(allStale);
          expect(await old.settle(late)).toEqual(allStale);
          await old.close();
        }
        const pending = await native.xPendingRange(stream, 'g', '-', '+', bodies.length);
        const claimed = pending.filter(({ consumer }) => consumer !== 'ent:waiting');
        // As if all of them had stood still for longer than their leases: the next source takes them at once.
        const ids = claimed.map(({ id }) => id);
        await native.xClaimJustId(stream, 'g', 'thief', 0, ids, { IDLE: 3_600_000, RETRYCOUNT: 1 });
        late = deliveries.map(({ token }): Settlement => {
          const action = (['ack', 'release', 'retry'] as const)[Math.floor(random() * 3)]!;
          return action === 'retry' ? { token, action, delayMs: 0 } : { token, action };
        });
        old = source;
        tell(epoch);
      }
      expect(await old!.settle(late)).toEqual(allStale);
      await old!.close();
      const source = await driver.subscribe(spec, call);
      const left = await receive(source, bodies.length);
      expect(left.map(({ message }) => Buffer.from(message.body).toString()).toSorted()).toEqual(bodies);
      await source.close();
    },
  );
});
