import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { type Channel, connect } from 'amqplib';
import { afterAll, expect, it } from 'vitest';
import { rabbitmq, type RabbitmqServerOptions } from '../../src/drivers/rabbitmq/index.ts';
import { channels, createMessaging } from '../../src/index.ts';

const PATIENT = { timeout: 100_000 };

describeWithServer('rabbitmq', { killable: true }, (server) => {
  const messagingOf = (options: Partial<RabbitmqServerOptions> = {}, timeout: string | number = '30s') =>
    createMessaging({ driver: rabbitmq({ url: server.url, ...options }), timeout });

  /** What somebody with the rights for it does to the broker. */
  const operate = async (work: (channel: Channel) => Promise<unknown>): Promise<void> => {
    const connection = await connect(server.url);
    try {
      await work(await connection.createChannel());
    } finally {
      await connection.close();
    }
  };

  it('consumes again when its exchange alone is deleted', async () => {
    const topic = uniqueName('unbound');
    const [publisher, subscriber] = [messagingOf(), messagingOf()];
    const seen: unknown[] = [];
    await subscriber.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await publisher.publish(topic, 'before');
    await expect.poll(() => seen, PATIENT).toEqual(['before']);
    await operate((channel) => channel.deleteExchange(topic));
    // The publisher makes the exchange anew, and it is the subscriber who binds its queue, without a word from anybody.
    await expect.poll(async () => (await publisher.publish(topic, 'after')).status, PATIENT).toBe('stored');
    await expect.poll(() => seen.at(-1), PATIENT).toBe('after');
    await Promise.all([publisher.close(), subscriber.close()]);
  });

  it('binds its other queues again although one of them cannot be', async () => {
    const [strange, topic] = [uniqueName('strange'), uniqueName('unbound')];
    const messaging = messagingOf();
    const seen: unknown[] = [];
    await messaging.subscribe(strange, { group: 'g' }, () => {});
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await operate(async (channel) => {
      await channel.deleteExchange(strange);
      await channel.assertExchange(strange, 'direct');
      await channel.deleteExchange(topic);
    });
    await expect.poll(async () => (await messaging.publish(topic, 'after')).status, PATIENT).toBe('stored');
    await expect.poll(() => seen, PATIENT).toEqual(['after']);
    await messaging.close();
  });

  it('tells what keeps it from receiving, and receives when that is gone', async () => {
    const [topic, proxy] = [uniqueName('refused'), await server.proxy()];
    const messaging = messagingOf({ url: proxy.url }, '2m');
    const told: unknown[] = [];
    const listener = { error: (operation: object) => void told.push(operation) };
    channels.receive.subscribe(listener as never);
    const seen: unknown[] = [];
    const subscription = await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    // It consumes, and has not only asked to.
    await messaging.publish(topic, 'before');
    await expect.poll(() => seen, PATIENT).toEqual(['before']);
    expect(subscription.failure).toBeUndefined();
    // Somebody puts a queue of another kind in its place, which the subscriber does not see before it is there.
    proxy.blackhole();
    await operate(async (channel) => {
      await channel.deleteQueue(`${topic}/g`);
      await channel.assertQueue(`${topic}/g`, { arguments: { 'x-queue-type': 'classic' } });
    });
    await proxy.heal();
    const refused = { code: 'messaging.rejected' };
    await expect.poll(() => subscription.failure, PATIENT).toMatchObject(refused);
    expect(String(subscription.failure?.cause)).toMatch(/not as quorum queues are made: inequivalent arg 'x-/);
    expect(told.at(-1)).toMatchObject({ driver: 'rabbitmq', topic, group: 'g', error: refused });
    await operate((channel) => channel.deleteQueue(`${topic}/g`));
    await expect.poll(async () => (await messaging.publish(topic, 'after')).status, PATIENT).toBe('stored');
    await expect.poll(() => seen, PATIENT).toEqual(['before', 'after']);
    expect(subscription.failure).toBeUndefined();
    channels.receive.unsubscribe(listener as never);
    await messaging.close();
  });

  it('has no priorities where the broker, or a queue that is there, has none', async () => {
    const topic = uniqueName('priority');
    const [plain, classic] = [messagingOf({ queues: 'classic' }), messagingOf({ queues: 'classic', priorities: true })];
    await expect(plain.publish(topic, 1, { priority: 1 })).rejects.toMatchObject({ code: 'messaging.unsupported' });
    await (await plain.subscribe(topic, { group: 'g' }, () => {})).close();
    await expect(classic.subscribe(topic, { group: 'g' }, () => {})).rejects.toMatchObject({
      code: 'messaging.rejected',
      message: expect.stringMatching(/inequivalent arg 'x-max-priority'/),
    });
    const quorum = messagingOf({ priorities: true });
    const { version } = plain.driver.client.consuming!.connection.serverProperties;
    if (Number.parseInt(version, 10) >= 4) await quorum.connect();
    else {
      const none = /Quorum queues of RabbitMQ 3\.[\d.]+ have no priorities/;
      await expect(quorum.connect()).rejects.toThrow(none);
      const connection = await connect(server.url);
      expect(() => rabbitmq({ connection, priorities: true })).toThrow(none);
      await connection.close();
    }
    await Promise.all([plain.close(), classic.close(), quorum.close()]);
  });

  it('does not call stored what a full queue refused, and sends it when there is room', async () => {
    const topic = uniqueName('full');
    const messaging = messagingOf({ queues: 'classic' }, '2m');
    const impatient = createMessaging({ driver: messaging.driver, timeout: 300 });
    await (await messaging.subscribe(topic, { group: 'g' }, () => {})).close();
    const policy = '{"max-length":2,"overflow":"reject-publish"}';
    await server.control('set_policy', topic, `^${topic}`, policy, '--apply-to', 'queues');
    const results = [];
    for (let n = 0; n < 8; n++) results.push(await impatient.publish(topic, n).then(String, (error: unknown) => error));
    const refused = results.filter((result) => typeof result !== 'string');
    expect(refused.length).toBeGreaterThan(3);
    for (const error of refused) expect(error).toMatchObject({ code: 'messaging.timeout' });
    const waiting = messaging.publish(topic, 'last', { id: 'last' });
    const seen: string[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ id }) => seen.push(id));
    expect(await waiting).toMatchObject({ status: 'stored' });
    await expect.poll(() => seen.includes('last'), PATIENT).toBe(true);
    await server.control('clear_policy', topic);
    await messaging.close();
  });
});

describeWithServer('rabbitmq', (server) => {
  const folder = mkdtempSync(join(tmpdir(), 'ent-tls-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** A certificate for localhost, and its key. */
  function certificate(name: string): { key: Buffer; cert: Buffer } {
    const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
    const subject = '-subj /CN=localhost -addext subjectAltName=DNS:localhost';
    const request = `req -new -x509 -days 2 -nodes -newkey rsa:2048 ${subject} -keyout ${key} -out ${cert}`;
    execFileSync('openssl', request.split(' '), { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  }

  it('speaks TLS, and refuses a certificate that it does not know', async () => {
    const [ours, others] = [certificate('ours'), certificate('others')];
    // TLS ends here, in front of the broker.
    const front = createServer(ours, (socket) => {
      const behind = connectTcp(server.port, server.host);
      const end = (): void => {
        socket.destroy();
        behind.destroy();
      };
      socket.on('error', end);
      behind.on('error', end);
      socket.pipe(behind).pipe(socket);
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const { port } = front.address() as { port: number };
    const url = `amqps://guest:guest@localhost:${port}`;
    const topic = uniqueName('secret');
    const messaging = createMessaging({ driver: rabbitmq({ url, tls: { ca: [ours.cert] } }), timeout: '1m' });
    const seen: unknown[] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await messaging.publish(topic, 'x'.repeat(100_000));
    await expect.poll(() => seen.length, PATIENT).toBe(1);
    await messaging.close();
    for (const tls of [undefined, { ca: [others.cert] }]) {
      const refused = createMessaging({ driver: rabbitmq({ url, tls }), timeout: '1m' });
      await expect(refused.connect()).rejects.toMatchObject({ code: 'messaging.rejected' });
      await refused.close();
    }
    // A certificate for another name.
    const elsewhere = createMessaging({
      driver: rabbitmq({ url: url.replace('localhost', '127.0.0.1'), tls: { ca: [ours.cert] } }),
      timeout: '1m',
    });
    await expect(elsewhere.connect()).rejects.toMatchObject({ code: 'messaging.rejected' });
    await elsewhere.close();
    front.close();
  });
});
