import { uniqueName } from '@ent/testkit';
import { describeWithServer, itInShares } from '@ent/testkit/vitest';
import { connect } from 'amqplib';
import { describe, expect, it } from 'vitest';
import { rabbitmq, rabbitmqFeatures, type RabbitmqOptions } from '../../src/drivers/rabbitmq/index.ts';
import type { Delivery } from '../../src/driver.ts';
import { createMessaging, type Message, type MessagingDriver } from '../../src/index.ts';
import { openMessaging } from '../../src/open.ts';
import { type MessagingHarness, testMessagingDriver } from '../../src/testing.ts';
import { numbers, wireMessage } from '../../src/testing/kit.ts';
import { patientCall } from '../support.ts';

describeWithServer('rabbitmq', (server) => {
  const harness = (queues: 'quorum' | 'classic'): MessagingHarness => {
    const cuts = new WeakMap<MessagingDriver, () => void>();
    return {
      features: { ...rabbitmqFeatures, priority: queues === 'classic' },
      patienceMs: 100_000,
      async createDriver() {
        const proxy = await server.proxy();
        const driver = rabbitmq({ url: proxy.url, queues, priorities: queues === 'classic' });
        cuts.set(driver, () => proxy.cut());
        return driver;
      },
      disconnect: (driver) => cuts.get(driver)?.(),
    };
  };

  describe('conformance, quorum queues', () => {
    testMessagingDriver({ it }, harness('quorum'));
  });

  describe('conformance, classic queues', () => {
    // What they alone have; of the rest, which is the same driver, a share.
    const isTheirs = (name: string): boolean => /priorit/.test(name);
    testMessagingDriver({ it: (name, run) => (isTheirs(name) ? it(`${name}`, run) : undefined) }, harness('classic'));
    itInShares('passes the suite', 25, ({ it: declare }) =>
      testMessagingDriver({ it: (name, run) => (isTheirs(name) ? undefined : declare(name, run)) }, harness('classic')),
    );
  });

  const messagingOf = (options: RabbitmqOptions = { url: server.url }) =>
    createMessaging({ driver: rabbitmq(options), source: 'suite', timeout: '1m' });

  it('publishes and consumes on connections of their own, and closes both', async () => {
    const proxy = await server.proxy();
    const messaging = messagingOf({ url: proxy.url });
    await messaging.connect();
    expect(proxy.connections).toBe(2);
    const { publishing, consuming } = messaging.driver.client;
    expect(publishing).not.toBe(consuming);
    await messaging.close();
    await expect.poll(() => proxy.connections).toBe(0);
  });

  it('uses a connection that it was given, for all, and leaves it open', async () => {
    const connection = await connect(server.url);
    const messaging = messagingOf({ connection });
    const topic = uniqueName('given');
    const seen: unknown[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await messaging.publish(topic, 1);
    await expect.poll(() => seen).toEqual([1]);
    await messaging.close();
    const channel = await connection.createChannel();
    // Its own channels are closed: nobody consumes, as soon as the queue knows it.
    const queue = () => channel.checkQueue(`${topic}/g`);
    await expect.poll(queue).toMatchObject({ messageCount: 0, consumerCount: 0 });
    await connection.close();
  });

  it('acknowledges by one word what is done in order, and alone what is not', async () => {
    const connection = await connect(server.url);
    const words: unknown[] = [];
    const create = connection.createChannel.bind(connection);
    connection.createChannel = async () => {
      const channel = await create();
      const ack = channel.ack.bind(channel);
      channel.ack = (message, allUpTo) => {
        words.push(allUpTo === true);
        ack(message, allUpTo);
      };
      return channel;
    };
    const driver = rabbitmq({ connection });
    const call = patientCall();
    const spec = { topic: uniqueName('words'), group: 'g' };
    await driver.ensure(spec, call);
    const source = await driver.subscribe({ ...spec, prefetch: 10 }, call);
    await driver.send(
      numbers(6).map((text) => wireMessage(spec.topic, text)),
      call,
    );
    const taken: Delivery[] = [];
    while (taken.length < 6) taken.push(...(await source.receive(6 - taken.length, call.signal)));
    const settle = async (...places: number[]) =>
      source.settle(places.map((at) => ({ token: taken[at]!.token, action: 'ack' as const })));
    expect(await settle(1, 3)).toEqual(['ok', 'ok']);
    expect(await settle(2, 0)).toEqual(['ok', 'ok']);
    expect(words).toEqual([false, false, true]);
    await source.close();
    await expect.poll(() => driver.count(spec, call), { timeout: 20_000 }).toMatchObject({ ready: 2 });
    await driver.close();
    await connection.close();
  });

  it('asks the nodes in turn, and remembers the one that lets it in', async () => {
    const dead = await server.proxy();
    await dead.refuse();
    const alive = await server.proxy();
    const url = `amqp://guest:guest@${dead.host}:${dead.port},${alive.host}:${alive.port}`;
    const messaging = await openMessaging(`${url}?heartbeat=60&queues=classic`, { timeout: '1m' });
    await messaging.connect();
    alive.cut();
    const reconnected = async (): Promise<number> => {
      await messaging.connect();
      return alive.accepted;
    };
    await expect.poll(reconnected, { timeout: 20_000 }).toBe(4);
    await messaging.close();
    const list = messagingOf({ url: [dead.url, alive.url] });
    await list.ping();
    await list.close();
  });

  it('says what is wrong with a login, a virtual host, and an address that nobody listens on', async () => {
    const wrong = new URL(server.url);
    wrong.password = 'secret-4711';
    const others = `amqp://guest:secret-4711@127.0.0.1:1,${wrong.host},${wrong.host}`;
    for (const [url, code] of [
      [wrong.href, 'messaging.rejected'],
      [others.replace('127.0.0.1:1,', ''), 'messaging.rejected'],
      // Who is away may know the password.
      [others, 'messaging.unavailable'],
      [`${server.url}/no-such-host`, 'messaging.rejected'],
      ['amqp://127.0.0.1:1', 'messaging.unavailable'],
    ] as const) {
      const messaging = messagingOf({ url });
      const error: unknown = await messaging.connect().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code });
      expect(JSON.stringify([String(error), String((error as Error).cause)])).not.toContain('4711');
      await messaging.close();
    }
  });

  it('has topics of its own in a virtual host', { timeout: 120_000 }, async () => {
    const [topic, host] = [uniqueName('hosted'), uniqueName('host')];
    // One command, since each starts a virtual machine: what add_vhost and set_permissions do.
    const allow = `rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"${host}">>, <<".*">>, <<".*">>, <<".*">>, <<"test">>)`;
    await server.control('eval', `rabbit_vhost:add(<<"${host}">>, <<"test">>), ${allow}.`);
    const [inside, outside] = [messagingOf({ url: `${server.url}/${host}` }), messagingOf()];
    const [seen, others]: unknown[][] = [[], []];
    await inside.subscribe(topic, { group: 'g' }, ({ data }) => seen!.push(data));
    await outside.subscribe(topic, { group: 'g' }, ({ data }) => others!.push(data));
    await inside.publish(topic, 'inside');
    await outside.publish(topic, 'outside');
    await expect.poll(() => [seen, others]).toEqual([['inside'], ['outside']]);
    await Promise.all([inside.close(), outside.close()]);
  });

  it('tells what differs where a queue was made otherwise, and leaves it as it is', async () => {
    const topic = uniqueName('other');
    const spec = { topic, group: 'g' };
    const [quorum, classic] = [rabbitmq({ url: server.url }), rabbitmq({ url: server.url, queues: 'classic' })];
    await classic.ensure(spec, patientCall());
    const messaging = createMessaging({ driver: quorum, timeout: '1m' });
    const error: unknown = await messaging
      .subscribe(topic, { group: 'g' }, () => {})
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'messaging.rejected' });
    expect(String((error as Error).cause)).toMatch(/not as quorum queues are made: inequivalent arg 'x-/);
    await classic.ensure(spec, patientCall());
    await Promise.all([messaging.close(), classic.close()]);
  });

  it('tells of each message in flight what became of it', async () => {
    const [wanted, nobodys] = [uniqueName('wanted'), uniqueName('nobodys')];
    const messaging = messagingOf();
    await messaging.driver.ensure({ topic: wanted, group: 'g' }, patientCall());
    const sent = Array.from({ length: 600 }, (_, n) => messaging.publish(n % 3 === 0 ? nobodys : wanted, n));
    const statuses = (await Promise.all(sent)).map(({ status }) => status);
    expect(statuses).toEqual(sent.map((_, n) => (n % 3 === 0 ? 'unroutable' : 'stored')));
    await expect(messaging.publish(nobodys, 1, { mandatory: true })).rejects.toMatchObject({
      code: 'messaging.unroutable',
    });
    await messaging.close();
  });

  it('refuses headers that would cost the connection, and nothing beside them', async () => {
    const topic = uniqueName('headers');
    const messaging = messagingOf();
    await messaging.driver.ensure({ topic, group: 'g' }, patientCall());
    const long = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`h${n}`, 'x'.repeat(4000)]));
    const [bad, good] = await Promise.allSettled([
      messaging.publish(topic, 1, { headers: long }),
      messaging.publish(topic, 2, { headers: { 'x-tenant': 't1' } }),
    ]);
    expect(bad).toMatchObject({ reason: { code: 'messaging.rejected' } });
    expect(good).toMatchObject({ value: { status: 'stored' } });
    await messaging.close();
  });

  it('carries CloudEvents in binary mode, and reads messages of any publisher', async () => {
    const topic = uniqueName('events');
    const messaging = messagingOf();
    const seen: Message[] = [];
    await messaging.subscribe(topic, { group: 'g' }, (message) => seen.push(message));
    const connection = await connect(server.url);
    const channel = await connection.createChannel();
    await channel.assertQueue(`${topic}/others`);
    await channel.bindQueue(`${topic}/others`, topic, '');
    await messaging.publish(topic, { n: 1 }, { id: 'e1', subject: 'ü 42', headers: { 'x-tenant': 't1' } });
    const message = await channel.get(`${topic}/others`);
    expect(message && message.properties).toMatchObject({
      contentType: 'application/json',
      deliveryMode: 2,
      headers: {
        'cloudEvents:specversion': '1.0',
        'cloudEvents:id': 'e1',
        'cloudEvents:source': 'suite',
        'cloudEvents:type': topic,
        'cloudEvents:subject': 'ü 42',
        'x-tenant': 't1',
      },
    });
    // Without headers or a content type, as from another language; and with some that are no text.
    channel.publish(topic, '', Buffer.from('2'), { messageId: 'e2' });
    const headers = { n: 1, no: { deep: true }, cloudEvents_id: 'e3' };
    channel.publish(topic, '', Buffer.from('3'), {
      contentType: 'application/json',
      headers,
      timestamp: 1_700_000_000,
    });
    await expect.poll(() => seen.length).toBe(3);
    expect(seen.map(({ id, data, subject }) => [id, data, subject])).toEqual([
      ['e1', { n: 1 }, 'ü 42'],
      ['e2', 2, undefined],
      ['e3', 3, undefined],
    ]);
    expect([seen[0]?.headers, seen[2]?.headers]).toEqual([{ 'x-tenant': 't1', 'correlation-id': 'e1' }, { n: '1' }]);
    expect(seen[2]?.time).toEqual(new Date(1_700_000_000_000));
    await Promise.all([connection.close(), messaging.close()]);
  });
});

describe('options of rabbitmq', () => {
  it('that cannot work are refused, without a part of the URL in the message', () => {
    for (const bad of [
      undefined,
      {},
      { url: [] },
      { url: 'redis://secret-4711@h' },
      { url: 'amqp://' },
      { url: 'amqp://u:secret-4711/x@h' },
      { url: 'amqp://u:secret-4711@a:99999' },
      { url: 'amqp://secret-4711@a?heartbeat=0' },
      { url: 'amqp://secret-4711@a?frameMax=1' },
      { url: 'amqp://a', queues: 'mirrored' },
      { url: 'amqp://a', host: 'b' },
      { connection: {} },
      { connection: undefined, url: 'amqp://a' },
    ]) {
      const make = () => rabbitmq(bad as unknown as RabbitmqOptions);
      expect(make).toThrow(expect.objectContaining({ code: 'messaging.invalid_options' }));
      expect(make).not.toThrow(/4711/);
    }
  });
});
