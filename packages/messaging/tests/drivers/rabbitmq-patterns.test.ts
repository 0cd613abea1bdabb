// What a broker's users have from before, or may not do, beside the exchange that serves patterns.
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { connect } from 'amqplib';
import { expect, it } from 'vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { createMessaging } from '../../src/index.ts';

describeWithServer('rabbitmq', (server) => {
  const messagingOf = (url = server.url) => createMessaging({ driver: rabbitmq({ url }), timeout: '1m' });

  it('topics and groups of earlier versions are taken as they are, and show to patterns', {
    timeout: 60_000,
  }, async () => {
    const topic = `${uniqueName('before')}.a`;
    const connection = await connect(server.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertExchange(topic, 'fanout');
    const quorum = { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000_000 };
    await channel.assertQueue(`${topic}/g`, { arguments: quorum });
    await channel.bindQueue(`${topic}/g`, topic, '');
    const messaging = messagingOf();
    const seen: unknown[] = [];
    await messaging.subscribe(topic.replace(/a$/, '*'), { group: 'g' }, ({ data }) =>
      seen.push(`pattern ${data as string}`),
    );
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(`name ${data as string}`));
    await messaging.publish(topic, 'new');
    await expect.poll(() => seen.toSorted()).toEqual(['name new', 'pattern new']);
    // Of a publisher that has not been updated: it says no route, and patterns do not see it.
    channel.publish(topic, '', Buffer.from('"old"'), { contentType: 'application/json', messageId: 'm' });
    await channel.waitForConfirms();
    await messaging.publish(topic, 'last');
    await expect
      .poll(() => seen.toSorted())
      .toEqual(['name last', 'name new', 'name old', 'pattern last', 'pattern new']);
    await messaging.close();
    await connection.close();
  });

  it('a user who may not touch the exchange of patterns has topics, and is told of patterns', {
    timeout: 240_000,
  }, async () => {
    const user = uniqueName('user');
    // One command, since each starts a virtual machine: what add_user and set_permissions do.
    const make = `rabbit_auth_backend_internal:add_user(<<"${user}">>, <<"secret">>, <<"test">>)`;
    const allow = `rabbit_auth_backend_internal:set_permissions(<<"${user}">>, <<"/">>, <<"^mine">>, <<"^mine">>, <<"^mine">>, <<"test">>)`;
    await server.control('eval', `${make}, ${allow}.`);
    const proxy = await server.proxy();
    const url = proxy.url.replace(/\/\/[^@]*@/, `//${user}:secret@`);
    const messaging = messagingOf(url);
    const topic = uniqueName('mine');
    const seen: unknown[] = [];
    await messaging.subscribe(topic, { group: 'g', backoff: { base: 1 } }, ({ data }, { attempt }) => {
      seen.push(`${data as number} ${attempt}`);
      if (attempt === 1) throw new Error('not yet');
    });
    expect(await messaging.publish(topic, 1)).toMatchObject({ status: 'stored' });
    await expect.poll(() => seen).toEqual(['1 1', '1 2']);
    const pattern = { group: 'g', deadLetter: `${topic}.dead` };
    await expect(messaging.subscribe('mine.*', pattern, () => {})).rejects.toMatchObject({
      code: 'messaging.rejected',
      message: expect.stringMatching(/ent:topics/),
    });
    // The right is given later: the next connection asks for it again.
    const others = messagingOf();
    const shown: unknown[] = [];
    await others.subscribe(
      '*',
      { group: uniqueName('g') },
      (message) => message.topic === topic && shown.push(message),
    );
    await server.control('eval', `${allow.replaceAll('^mine', '^(mine|ent:topics)')}.`);
    proxy.cut();
    const publish = async (): Promise<number> => {
      await messaging.publish(topic, 2);
      return shown.length;
    };
    await expect.poll(publish, { timeout: 100_000, interval: 200 }).toBeGreaterThan(0);
    await Promise.all([messaging.close(), others.close()]);
  });

  it('a pattern sees what others publish again soon after its queue or its exchange was deleted', {
    timeout: 60_000,
  }, async () => {
    const base = uniqueName('deleted');
    const messaging = messagingOf();
    const seen: unknown[] = [];
    await messaging.subscribe(`${base}.*`, { group: 'g' }, ({ topic, data }) =>
      seen.push(`${topic} ${data as string}`),
    );
    // Who listens to a topic shows it to patterns again.
    await messaging.subscribe(`${base}.a`, { group: 'g' }, () => {});
    await messaging.publish(`${base}.a`, 'before');
    await expect.poll(() => seen).toEqual([`${base}.a before`]);
    const connection = await connect(server.url);
    const channel = await connection.createChannel();
    for (const remove of [() => channel.deleteQueue(`${base}.*/g`), () => channel.deleteExchange('ent:topics')]) {
      await remove();
      const found = seen.length;
      const publish = async (): Promise<number> => {
        await messaging.publish(`${base}.a`, 'after');
        return seen.length;
      };
      await expect.poll(publish, { interval: 200 }).toBeGreaterThan(found);
    }
    await messaging.close();
    await connection.close();
  });

  it('a publisher shows its topic to patterns again after their exchange was deleted', async () => {
    const topic = `${uniqueName('shown')}.a`;
    const [publisher, subscriber] = [messagingOf(), messagingOf()];
    const seen: unknown[] = [];
    await subscriber.subscribe(topic.replace(/a$/, '*'), { group: 'g' }, ({ data }) => seen.push(data));
    await publisher.publish(topic, 'before');
    await expect.poll(() => seen).toEqual(['before']);
    const connection = await connect(server.url);
    await (await connection.createChannel()).deleteExchange('ent:topics');
    const publish = async (): Promise<unknown> => {
      await publisher.publish(topic, 'after');
      return seen.at(-1);
    };
    await expect.poll(publish, { interval: 200 }).toBe('after');
    await Promise.all([publisher.close(), subscriber.close()]);
    await connection.close();
  });
});
