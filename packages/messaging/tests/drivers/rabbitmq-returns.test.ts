// A quorum queue counts what comes back, and not why: what was given back in order is no dead letter, what kills is.
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { createMessaging, type Message } from '../../src/index.ts';

const PATIENT = { timeout: 60_000 };
const TEST = { timeout: 240_000 };

describeWithServer('rabbitmq', (server) => {
  it('handles what many pauses gave back', TEST, async () => {
    const topic = uniqueName('paused');
    const messaging = createMessaging({ driver: rabbitmq({ url: server.url }), timeout: '2m' });
    const [handled, attempts] = [new Set<unknown>(), new Set<number>()];
    const subscription = await messaging.subscribe(topic, { group: 'g', prefetch: 100 }, ({ data }, { attempt }) => {
      handled.add(data);
      attempts.add(attempt);
      // As a circuit breaker does: what was not begun goes back.
      if (pauses < 25) void pause();
    });
    let pauses = 0;
    const pause = async (): Promise<void> => {
      pauses++;
      await subscription.pause();
      subscription.resume();
    };
    await messaging.publishMany(
      topic,
      Array.from({ length: 100 }, (_, data) => ({ data })),
    );
    await expect.poll(() => handled.size, PATIENT).toBe(100);
    expect([pauses, [...attempts], (await subscription.stats()).dead]).toEqual([25, [1], 0]);
    await messaging.close();
  });

  it('buries what its subscribers die of, and nothing that was with them', TEST, async () => {
    const [topic, proxy] = [uniqueName('killer'), await server.proxy()];
    const messaging = createMessaging({ driver: rabbitmq({ url: proxy.url }), timeout: '2m' });
    const [handled, dead]: [Set<unknown>, Message[]] = [new Set(), []];
    let deaths = 0;
    const { deadLetter } = await messaging.subscribe(
      topic,
      { group: 'g', prefetch: 20 },
      async ({ data }, { signal }) => {
        if (data !== 'killer') return void handled.add(data);
        deaths++;
        proxy.cut();
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    );
    const beside = Array.from({ length: 10 }, (_, n) => n);
    await messaging.publishMany(
      topic,
      ['killer', ...beside].map((data) => ({ data })),
    );
    await messaging.subscribe(deadLetter, { group: 'dead' }, (message) => dead.push(message));
    await expect.poll(() => [dead.length > 0, handled.size], { timeout: 200_000 }).toEqual([true, 10]);
    // What was being stored when the connection broke may be there twice.
    expect([...new Set(dead.map(({ data }) => data))]).toEqual(['killer']);
    expect(dead[0]?.headers['dead-letter-reason']).toBe('messaging.unprocessable');
    expect(Number(dead[0]?.headers['dead-letter-attempts'])).toBeGreaterThanOrEqual(10);
    expect(deaths).toBeGreaterThanOrEqual(10);
    await messaging.close();
  });
});
