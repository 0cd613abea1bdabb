// The broker waits for an acknowledgement for its `consumer_timeout`, 30 minutes by default; then it closes the channel
// (406) and gives the message to somebody else. https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
import { once } from 'node:events';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { beforeAll, expect, it } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { channels, createMessaging } from '../../src/index.ts';
import { patientCall } from '../support.ts';

const PATIENT = { timeout: 60_000 };

describeWithServer('rabbitmq', { killable: true }, (server) => {
  // In one command, since each starts a virtual machine. Timeouts are looked at with each tick of a channel, which
  // comes once a minute by default.
  beforeAll(async () => {
    await server.control(
      'eval',
      'application:set_env(rabbit, consumer_timeout, 6000), application:set_env(rabbit, channel_tick_interval, 200).',
    );
  });

  it('a handler that takes too long is told, and its message handled again', { timeout: 120_000 }, async () => {
    const topic = uniqueName('slow');
    const told: unknown[] = [];
    const listener = {
      error: ({ topic: of, error }: { topic: string; error?: unknown }) => of === topic && told.push(error),
    };
    channels.receive.subscribe(listener as never);
    const messaging = createMessaging({ driver: rabbitmq({ url: server.url }), timeout: '30s' });
    const attempts: number[] = [];
    const reasons: unknown[] = [];
    const late = Promise.withResolvers<void>();
    await messaging.subscribe(topic, { group: 'g' }, async (_message, { attempt, signal }) => {
      attempts.push(attempt);
      if (attempts.length > 1) return;
      await once(signal, 'abort');
      reasons.push(signal.reason);
      // It goes on all the same, and ends when somebody else has the message.
      await late.promise;
    });
    await messaging.publish(topic, 1);
    await expect.poll(() => attempts.length, PATIENT).toBe(2);
    expect(reasons).toMatchObject([{ code: 'messaging.lease_lost' }]);
    expect(told[0]).toMatchObject({
      code: 'messaging.rejected',
      message: expect.stringMatching(/delivery acknowledgement on channel \d+ timed out/),
    });
    late.resolve();
    await messaging.publish(topic, 2);
    await expect.poll(() => attempts.length, PATIENT).toBe(3);
    await expect.poll(() => messaging.stats(topic, 'g'), PATIENT).toMatchObject({ ready: 0, delayed: 0, dead: 0 });
    channels.receive.unsubscribe(listener as never);
    await messaging.close();
  });

  for (const queues of ['quorum', 'classic'] as const) {
    it(`a late acknowledgement is stale, and the return is counted (${queues})`, { timeout: 120_000 }, async () => {
      const [topic, call] = [uniqueName('late'), patientCall()];
      const driver = rabbitmq({ url: server.url, queues });
      const messaging = createMessaging({ driver, timeout: '30s' });
      const spec = { topic, group: 'g' };
      await driver.ensure(spec, call);
      await messaging.publish(topic, 1, { id: 'm1' });
      const source = await driver.subscribe({ ...spec, prefetch: 10 }, call);
      const [first] = await source.receive(1, call.signal);
      expect(first?.returns).toBe(0);
      await expect(source.receive(1, call.signal)).rejects.toThrow(/timed out/);
      expect(await source.settle([{ token: first!.token, action: 'ack' }])).toEqual(['stale']);
      let [id, returns] = ['', 0];
      const settled = async (): Promise<string[]> => {
        const next = await driver.subscribe({ ...spec, prefetch: 10 }, call);
        const [again] = await next.receive(1, call.signal);
        [id, returns] = [again!.message.id, again!.returns ?? 0];
        const results = await next.settle([{ token: again!.token, action: 'ack' }]);
        await next.close();
        return results;
      };
      // A connection that is lost beside it is the core's to bear.
      await expect.poll(() => settled().catch(() => []), PATIENT).toEqual(['ok']);
      expect(id).toBe('m1');
      // A classic queue does not tell.
      expect(returns > 0).toBe(queues === 'quorum');
      await expect.poll(() => driver.count(spec, call), PATIENT).toMatchObject({ ready: 0 });
      await messaging.close();
    });
  }
});
