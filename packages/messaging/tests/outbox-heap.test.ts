// A relay lives as long as its process: of what it has sent, or given up, nothing may stay.
import { setTimeout as wait } from 'node:timers/promises';
import { bytesPerRound } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { memory } from '../src/drivers/memory.ts';
import { createMessaging } from '../src/index.ts';
import { refusing, useOutbox } from './outbox-support.ts';

const open = useOutbox();

const BATCH = 10;
const ROUNDS = { full: 4_000, ci: 100, of: `batches of ${BATCH} messages` };

// Bytes: what the engine learns once, and what a message may leave behind. A promise that each leaves a reaction on
// costs some 500; with all rounds a leak of 50 shows.
const LEARNT = 1_000_000;
const LEFT = 10;

itInDepth('a relay keeps nothing of what it has sent, or given up', ROUNDS, async ({ count }) => {
  const place = await open();
  const messaging = createMessaging({ driver: refusing(memory(), ({ headers }) => headers['refuse'] !== undefined) });
  let handled = 0;
  let all = Promise.withResolvers<void>();
  await messaging.subscribe('heap', { group: 'g' }, () => {
    if (++handled === BATCH - 1) all.resolve();
  });
  const relay = await place.relay({ messaging, maxAttempts: 1 });
  const left = await bytesPerRound(count, async () => {
    handled = 0;
    all = Promise.withResolvers();
    const { id } = await place.db.transaction(async () => {
      for (let data = 1; data < BATCH; data++) await place.outbox.publish('heap', data, { key: `k${data % 3}` });
      return place.outbox.publish('heap', 'no', { headers: { refuse: 'yes' } });
    });
    await all.promise;
    // It is parked as soon as others got through, and removed by hand.
    while ((await place.outbox.dropParked([id])) === 0) await wait(1);
  });
  expect(left * count).toBeLessThan(LEARNT + LEFT * BATCH * count);
  await relay.close();
  await messaging.close();
});
