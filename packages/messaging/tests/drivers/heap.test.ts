// A subscription lives as long as its process: of what it has handled nothing may stay, whatever the broker is.
import { bytesPerRound, uniqueName } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { redisStreams } from '../../src/drivers/redis-streams/index.ts';
import { createMessaging, type MessagingDriver } from '../../src/index.ts';

const BATCH = 20;
const ROUNDS = { full: 2_000, ci: 30, of: `batches of ${BATCH} messages` };

// Bytes: what the engine learns once, and what a message may leave behind. A promise that each leaves a reaction on
// costs some 500; with all rounds a leak of 50 shows.
const LEARNT = 1_000_000;
const LEFT = 10;

function staysFlat(create: () => MessagingDriver): void {
  itInDepth('keeps nothing of what it has handled', ROUNDS, async ({ count }) => {
    const messaging = createMessaging({ driver: create(), timeout: '1m' });
    const topic = uniqueName('heap');
    let handled = 0;
    let all = Promise.withResolvers<void>();
    await messaging.subscribe(topic, { group: 'g', backoff: { base: 1 } }, ({ data }, { attempt }) => {
      if (data === 0 && attempt === 1) throw new Error('not yet');
      if (++handled === BATCH) all.resolve();
    });
    const batch = Array.from({ length: BATCH }, (_, data) => ({ data }));
    const left = await bytesPerRound(count, async () => {
      handled = 0;
      all = Promise.withResolvers();
      await messaging.publishMany(topic, batch);
      await all.promise;
    });
    expect(left * count).toBeLessThan(LEARNT + LEFT * BATCH * count);
    await messaging.close();
  });
}

describeWithServer('redis', (server) => staysFlat(() => redisStreams({ url: server.url, lease: '1m' })));

describeWithServer('rabbitmq', (server) => staysFlat(() => rabbitmq({ url: server.url })));
