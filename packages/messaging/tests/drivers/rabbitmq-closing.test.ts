// A subscription that closes receives no more, and what it was given stays with it until it is handled.
import { once } from 'node:events';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { createMessaging, type Delivery } from '../../src/index.ts';
import { patientCall } from '../support.ts';

const PATIENT = { timeout: 60_000 };
const TEST = { timeout: 240_000 };

describeWithServer('rabbitmq', (server) => {
  for (const queues of ['quorum', 'classic'] as const) {
    it(`keeps what it handed out while the broker is slow to answer (${queues})`, TEST, async () => {
      const [call, proxy] = [patientCall(), await server.proxy()];
      const spec = { topic: uniqueName('slow'), group: 'g' };
      const driver = rabbitmq({ url: proxy.url, queues });
      await driver.ensure(spec, call);
      const messaging = createMessaging({ driver, timeout: '30s' });
      await messaging.publishMany(
        spec.topic,
        ['m1', 'm2', 'm3'].map((id) => ({ id, data: id })),
      );
      const source = await driver.subscribe({ ...spec, prefetch: 10 }, call);
      const [first] = await source.receive(1, call.signal);
      expect(first?.message.id).toBe('m1');
      proxy.blackhole();
      expect(await source.receive(1, AbortSignal.abort())).toEqual([]);
      await proxy.heal();
      // What came ahead goes back, once the broker has answered.
      await expect.poll(() => driver.count(spec, call), PATIENT).toMatchObject({ ready: 2 });
      expect(source.settle([{ token: first!.token, action: 'ack' }])).toEqual(['ok']);
      await source.close();
      await expect.poll(() => driver.count(spec, call), PATIENT).toMatchObject({ ready: 2 });
      const next = await driver.subscribe({ ...spec, prefetch: 10 }, call);
      const again: string[] = [];
      while (again.length < 2) {
        for (const { message } of await next.receive(10, call.signal)) again.push(message.id);
      }
      expect(again.sort()).toEqual(['m2', 'm3']);
      await next.close();
      await messaging.close();
    });

    it(`gives back in the old order what it did not begin (${queues})`, TEST, async () => {
      const call = patientCall();
      const spec = { topic: uniqueName('order'), group: 'g' };
      const driver = rabbitmq({ url: server.url, queues });
      await driver.ensure(spec, call);
      const messaging = createMessaging({ driver, timeout: '30s' });
      const ids = Array.from({ length: 6 }, (_, n) => `m${n}`);
      await messaging.publishMany(
        spec.topic,
        ids.map((id) => ({ id, data: id })),
      );
      const source = await driver.subscribe({ ...spec, prefetch: 4 }, call);
      const held: Delivery[] = [];
      while (held.length < 4) held.push(...(await source.receive(4 - held.length, call.signal)));
      expect(await source.receive(1, AbortSignal.abort())).toEqual([]);
      // The first is being handled; the last may go back first.
      const unbegun = held.slice(1).reverse();
      await source.settle(unbegun.map(({ token }) => ({ token, action: 'release' })));
      expect(await source.settle([{ token: held[0]!.token, action: 'ack' }])).toEqual(['ok']);
      await source.close();
      // Whoever comes before they are back gets what is behind them first.
      await expect.poll(() => driver.count(spec, call), PATIENT).toMatchObject({ ready: 5 });
      const next = await driver.subscribe({ ...spec, prefetch: 10 }, call);
      const again: string[] = [];
      while (again.length < 5) {
        for (const { message } of await next.receive(10, call.signal)) again.push(message.id);
      }
      expect(again).toEqual(ids.slice(1));
      await next.close();
      await messaging.close();
    });
  }

  it('tells a handler that its message was lost while its subscription closes', TEST, async () => {
    const [topic, proxy] = [uniqueName('lost'), await server.proxy()];
    const [leaving, staying] = [proxy.url, server.url].map((url) =>
      createMessaging({ driver: rabbitmq({ url }), timeout: '2m' }),
    ) as [ReturnType<typeof createMessaging>, ReturnType<typeof createMessaging>];
    const reasons: unknown[] = [];
    let begun = 0;
    const subscription = await leaving.subscribe(topic, { group: 'g', prefetch: 2 }, async (_message, { signal }) => {
      begun++;
      await once(signal, 'abort');
      reasons.push(signal.reason);
    });
    await leaving.publish(topic, 1, { id: 'm1' });
    await leaving.publish(topic, 2, { id: 'm2' });
    await expect.poll(() => begun, PATIENT).toBe(1);
    const closed = subscription.close({ timeout: '3m' });
    const seen: string[] = [];
    await staying.subscribe(topic, { group: 'g' }, ({ id }) => seen.push(id));
    // It has ended receiving, and waits for its handler.
    await expect.poll(() => seen, PATIENT).toEqual(['m2']);
    proxy.cut();
    await closed;
    expect(reasons).toMatchObject([{ code: 'messaging.lease_lost' }]);
    await expect.poll(() => seen, PATIENT).toEqual(['m2', 'm1']);
    await Promise.all([leaving.close(), staying.close()]);
  });
});
