import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { type ConsumeMessage, connect } from 'amqplib';
import { CloudEvent, HTTP } from 'cloudevents';
import { createClient } from 'redis';
import { describe, expect, it } from 'vitest';
import type { Message, Messaging } from '../../src/index.ts';
import { openMessaging } from '../../src/open.ts';

// Both ways, in both modes, against the SDK of CloudEvents. It has no bindings for AMQP and Redis; those differ
// from HTTP's in the names of attributes alone.

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const PATIENT = { timeout: 60_000 };
const DATA = { text: 'ünï 🔑', n: 1.5, none: null };

const theirs = (topic: string, more: object = {}): CloudEvent<unknown> =>
  new CloudEvent({
    id: 'e1',
    type: 'com.example.made',
    source: '/their/source',
    subject: 'sübject',
    time: '2030-01-02T03:04:05.678Z',
    datacontenttype: 'application/json',
    traceparent: TRACE,
    partitionkey: topic,
    tenant: 't1',
    data: DATA,
    ...more,
  });

/** What the SDK says of a message of ours. */
function readByTheirs(headers: Record<string, string>, body: string): CloudEvent<unknown> {
  const event = HTTP.toEvent({ headers, body }) as CloudEvent<unknown>;
  expect(event.validate()).toBe(true);
  return event;
}

async function expectOurs(event: CloudEvent<unknown>, topic: string): Promise<void> {
  expect(event.toJSON()).toMatchObject({
    specversion: '1.0',
    id: 'm1',
    type: topic,
    source: 'suite',
    subject: 'ü 42',
    datacontenttype: 'application/json',
    traceparent: TRACE,
    partitionkey: 'k1',
    data: DATA,
  });
  expect(Date.parse(event.time ?? '')).toBeGreaterThan(0);
}

function expectTheirs(message: Message | undefined, topic: string): void {
  expect(message).toMatchObject({
    id: 'e1',
    type: 'com.example.made',
    source: '/their/source',
    subject: 'sübject',
    time: new Date('2030-01-02T03:04:05.678Z'),
    data: DATA,
    key: topic,
  });
  expect(message?.headers).toMatchObject({ traceparent: TRACE, tenant: 't1' });
}

const publishOurs = (messaging: Messaging, topic: string) =>
  messaging.publish(topic, DATA, { id: 'm1', subject: 'ü 42', key: 'k1', headers: { traceparent: TRACE } });

describeWithServer('rabbitmq', (server) => {
  describe.each(['binary', 'structured'] as const)('%s mode on AMQP', (mode) => {
    it('is what the SDK reads, and what it writes is read', async () => {
      const topic = uniqueName('events');
      const messaging = await openMessaging(server.url, { source: 'suite', cloudEvents: mode, timeout: '1m' });
      const seen: Message[] = [];
      await messaging.subscribe(topic, { group: 'g' }, (message) => seen.push(message));
      const connection = await connect(server.url);
      const channel = await connection.createChannel();
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, topic, '');
      await publishOurs(messaging, topic);
      let got: ConsumeMessage | undefined;
      await channel.consume(queue, (message) => (got = message ?? undefined), { noAck: true });
      await expect.poll(() => got, PATIENT).toBeDefined();
      const { properties, content } = got!;
      const given = properties.headers as Record<string, string>;
      const attributes = Object.entries(given).map(([name, value]) => [name.replace(/^cloudEvents:/, 'ce-'), value]);
      const headers = {
        ...(mode === 'binary' && (Object.fromEntries(attributes) as Record<string, string>)),
        'content-type': properties.contentType as string,
      };
      await expectOurs(readByTheirs(headers, content.toString()), topic);

      const written = mode === 'binary' ? HTTP.binary(theirs(topic)) : HTTP.structured(theirs(topic));
      const { 'content-type': contentType = '', ...own } = written.headers as Record<string, string>;
      const named = Object.entries(own).map(([name, value]) => [name.replace(/^ce-/, 'cloudEvents:'), value]);
      const options = { contentType, headers: mode === 'binary' ? Object.fromEntries(named) : {} };
      channel.publish(topic, '', Buffer.from(written.body as string), options);
      await expect.poll(() => seen.length, PATIENT).toBe(2);
      expect(seen[0]).toMatchObject({ id: 'm1', data: DATA, key: 'k1', headers: { traceparent: TRACE } });
      expectTheirs(seen[1], topic);
      await Promise.all([connection.close(), messaging.close()]);
    });
  });
});

describeWithServer('redis', (server) => {
  describe.each(['binary', 'structured'] as const)('%s mode on Redis', (mode) => {
    it('is what the SDK reads, and what it writes is read', async () => {
      const topic = uniqueName('events');
      const messaging = await openMessaging(server.url, { source: 'suite', cloudEvents: mode, timeout: '1m' });
      const seen: Message[] = [];
      await messaging.subscribe(topic, { group: 'g' }, (message) => seen.push(message));
      const client = await createClient({ url: server.url }).connect();
      await publishOurs(messaging, topic);
      const [entry] = (await client.xRange(`ent:{${topic}}`, '-', '+')) ?? [];
      const { meta, body } = entry!.message as { meta: string; body: string };
      const { contentType, time, headers, ...about } = JSON.parse(meta) as {
        contentType: string;
        time: number;
        headers: Record<string, string>;
        [name: string]: unknown;
      };
      const { 'partition-key': partitionkey, traceparent } = headers;
      const attributes = {
        ...about,
        specversion: '1.0',
        time: new Date(time).toISOString(),
        partitionkey,
        traceparent,
      };
      const named = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)]);
      const known = mode === 'binary' ? (Object.fromEntries(named) as Record<string, string>) : {};
      await expectOurs(readByTheirs({ ...known, 'content-type': contentType }, body), topic);

      const written = mode === 'binary' ? HTTP.binary(theirs(topic)) : HTTP.structured(theirs(topic));
      await client.xAdd(`ent:{${topic}}`, '*', {
        ...(written.headers as Record<string, string>),
        body: written.body as string,
      });
      await expect.poll(() => seen.length, PATIENT).toBe(2);
      expect(seen[0]).toMatchObject({ id: 'm1', data: DATA, key: 'k1', headers: { traceparent: TRACE } });
      expectTheirs(seen[1], topic);
      client.destroy();
      await messaging.close();
    });
  });

  it('an event that is none goes to the dead letters as it came, and one with bytes is what it says', async () => {
    const topic = uniqueName('events');
    const messaging = await openMessaging(server.url, { timeout: '1m' });
    const seen: unknown[] = [];
    const { deadLetter } = await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    const client = await createClient({ url: server.url }).connect();
    const add = (body: string) =>
      client.xAdd(`ent:{${topic}}`, '*', { 'content-type': 'application/cloudevents+json; charset=utf-8', body });
    await add('[]');
    await add('{"specversion":"1.0","id":"x"}');
    const bytes = Buffer.from('{"of":"bytes"}').toString('base64');
    await add(`{"specversion":"1.0","id":"x","type":"t","source":"s","data_base64":"${bytes}"}`);
    await expect.poll(() => seen, PATIENT).toEqual([{ of: 'bytes' }]);
    const letters = messaging.deadLetters(deadLetter);
    await expect.poll(() => letters.count(), PATIENT).toBe(2);
    const [first] = await letters.list();
    expect([first?.reason, Buffer.from(first!.body).toString()]).toEqual(['messaging.invalid_payload', '[]']);
    client.destroy();
    await messaging.close();
  });
});
