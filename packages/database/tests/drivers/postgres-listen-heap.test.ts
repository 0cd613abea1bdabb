// Who listens does so as long as its process lives: of what it has heard, and of connections that were lost, nothing
// may stay.
import { listen, notify } from '@ent/database/postgres';
import { bytesPerRound } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { useDatabases } from '../fixtures/postgres.ts';

const BATCH = 20;
const HEARD = { full: 2_000, ci: 40, of: `transactions of ${BATCH} notifications` };
const LOST = { full: 500, ci: 10, of: 'lost connections' };

// Bytes: what the engine learns once, and what a round may leave behind. A socket with its buffers has some 20,000.
const LEARNT = 1_500_000;
const LEFT = 200;

describeWithServer('postgres', { killable: true }, (server) => {
  const { open, terminate, schema } = useDatabases(server);

  itInDepth(
    'a listener keeps nothing of what it has heard, nor of others that have ended',
    HEARD,
    async ({ count }) => {
      const db = await open();
      let heard = 0;
      let all = Promise.withResolvers<void>();
      const subscription = await listen(db, schema(), () => {
        if (++heard === BATCH) all.resolve();
      });
      const left = await bytesPerRound(count, async (round) => {
        heard = 0;
        all = Promise.withResolvers();
        await db.transaction(async () => {
          for (let n = 0; n < BATCH; n++) await notify(db, schema(), `${round} ${n}`);
        });
        await all.promise;
        if (round % 10 === 0) await (await listen(db, 'another', () => {})).close();
      });
      expect(left * count).toBeLessThan(LEARNT + LEFT * count);
      await subscription.close();
    },
  );

  itInDepth('a listener keeps nothing of the connections that it has lost', LOST, async ({ count }) => {
    const db = await open();
    let gap = Promise.withResolvers<void>();
    const subscription = await listen(db, schema(), () => {}, { onGap: () => gap.resolve() });
    const left = await bytesPerRound(count, async () => {
      gap = Promise.withResolvers();
      await terminate();
      await gap.promise;
    });
    expect(left * count).toBeLessThan(LEARNT + LEFT * count);
    await subscription.close();
  });
});
