import { deserialize, serialize } from 'node:v8';
import { createSerializer, json } from '@ent/serialization';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { memory } from '../src/drivers/memory.ts';
import {
  channels,
  createMessaging,
  defineTopic,
  type MessageSerializer,
  type Messaging,
  messagingErrors,
  type MessagingOptions,
  type WireMessage,
} from '../src/index.ts';
import { sendingBy, useOutbox } from './outbox-support.ts';
import { connectTo } from './support.ts';

const v8: MessageSerializer = { contentType: 'application/x-v8', serialize, deserialize };
const open = useOutbox();
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Two ends of one broker, and what went over it. */
function endsWith(publishing: Partial<MessagingOptions>, receiving: Partial<MessagingOptions> = publishing) {
  const broker = memory();
  const wires: WireMessage[] = [];
  const noting = sendingBy(connectTo(broker), (batch, ordinary, call) => {
    wires.push(...batch);
    return ordinary(batch, call);
  });
  const publisher = createMessaging({ ...publishing, driver: noting });
  const subscriber = createMessaging({ ...receiving, driver: connectTo(broker) });
  ends.push(
    () => publisher.close({ timeout: 1 }),
    () => subscriber.close({ timeout: 1 }),
  );
  return { publisher, subscriber, wires };
}

async function buriedAt(messaging: Messaging, deadLetter: string) {
  const letters = messaging.deadLetters(deadLetter);
  await expect.poll(() => letters.count()).toBe(1);
  return (await letters.list())[0]!;
}

const rich = { at: new Date(0), tags: new Set(['a']), big: 2n ** 70n };

describe('a serializer', () => {
  it('writes and reads data, and its content type is told', async () => {
    const { publisher, subscriber, wires } = endsWith({ serializer: v8 });
    const seen: unknown[] = [];
    await subscriber.subscribe('t', { group: 'g' }, ({ data }) => seen.push(data));
    await publisher.publish('t', rich);
    await expect.poll(() => seen).toEqual([rich]);
    expect(wires.map(({ contentType }) => contentType)).toEqual(['application/x-v8']);
  });

  it('stands before the schema of a topic: what it keeps is checked on both ends', async () => {
    const topic = defineTopic('t', z.object({ at: z.date() }));
    const { publisher, subscriber } = endsWith({ serializer: v8 });
    const seen: unknown[] = [];
    await subscriber.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data.at));
    await publisher.publish(topic, { at: rich.at });
    await expect.poll(() => seen).toEqual([rich.at]);
    await expect(publisher.publish(topic, { at: 'x' } as never)).rejects.toMatchObject({
      code: 'messaging.invalid_payload',
    });
  });

  it('goes with structured events, and with replies', async () => {
    const { publisher, subscriber, wires } = endsWith({ serializer: v8, cloudEvents: 'structured' });
    await subscriber.respond('t', { group: 'g' }, ({ data }) => new Map([['got', data]]));
    expect(await publisher.request('t', rich)).toEqual(new Map([['got', rich]]));
    const event = JSON.parse(Buffer.from(wires[0]!.body).toString()) as Record<string, string>;
    expect(event['datacontenttype']).toBe('application/x-v8');
    expect(deserialize(Buffer.from(event['data_base64']!, 'base64'))).toEqual(rich);
  });

  it.each(['binary', 'structured'] as const)('gives data that is false as it was, in %s mode', async (mode) => {
    const { publisher, subscriber } = endsWith({ cloudEvents: mode });
    const seen: unknown[] = [];
    await subscriber.subscribe('t', { group: 'g', concurrency: 1 }, ({ data }) => seen.push(data));
    const given = [0, false, '', null, [], {}];
    for (const data of given) await publisher.publish('t', data);
    await expect.poll(() => seen).toEqual(given);
  });

  it('may have a JSON of its own, and a requester is told why a request failed all the same', async () => {
    const own: MessageSerializer = {
      contentType: 'application/json',
      serialize: (data) => Buffer.from(JSON.stringify({ v8: serialize(data).toString('base64') })),
      deserialize: (bytes) =>
        deserialize(Buffer.from((JSON.parse(Buffer.from(bytes).toString()) as { v8: string }).v8, 'base64')),
    };
    const { publisher, subscriber } = endsWith({ serializer: own });
    await subscriber.respond('t', { group: 'g' }, ({ data }) => {
      if (data === 'no') throw messagingErrors.unprocessable('No.');
      return data;
    });
    expect(await publisher.request('t', rich)).toEqual(rich);
    await expect(publisher.request('t', 'no', { timeout: '5s' })).rejects.toMatchObject({
      code: 'messaging.request_failed',
      details: { code: 'messaging.unprocessable' },
    });
  });

  it('goes with an outbox, whose relay sends what was written', async () => {
    const place = await open();
    const outbox = place.outboxOf({ serializer: v8 });
    const reading = createMessaging({ driver: memory(), serializer: v8 });
    ends.push(() => reading.close({ timeout: 1 }));
    const seen: unknown[] = [];
    await reading.subscribe('t', { group: 'g' }, ({ data }) => seen.push(data));
    await place.relay({ outbox, messaging: reading });
    await place.publish(rich, {}, outbox);
    await expect.poll(() => seen).toEqual([rich]);
  });

  it('may be one of @ent/serialization, with a content type', async () => {
    const keys = [Buffer.alloc(32, 1)];
    const serializer = {
      ...createSerializer({ codec: json, encryption: { keys } }),
      contentType: 'application/vnd.ent.encrypted',
    };
    const { publisher, subscriber, wires } = endsWith({ serializer });
    const seen: unknown[] = [];
    await subscriber.subscribe('t', { group: 'g' }, ({ data }) => seen.push(data));
    await publisher.publish('t', { secret: 'word' });
    await expect.poll(() => seen).toEqual([{ secret: 'word' }]);
    expect(Buffer.from(wires[0]!.body).includes('word')).toBe(false);
  });
});

describe('a receiver', () => {
  it('reads JSON whatever its own serializer is, and others that it is told of', async () => {
    for (const receiving of [{ serializer: v8 }, { alsoRead: [v8] }]) {
      const plain = endsWith({}, receiving);
      const other = endsWith({ serializer: v8 }, receiving);
      for (const { publisher, subscriber } of [plain, other]) {
        const seen: unknown[] = [];
        await subscriber.subscribe('t', { group: 'g' }, ({ data }) => seen.push(data));
        await publisher.publish('t', { n: 1 });
        await expect.poll(() => seen).toEqual([{ n: 1 }]);
      }
    }
  });

  it('may be told of one twice', async () => {
    const { publisher, subscriber } = endsWith({ serializer: v8, alsoRead: [v8, v8] });
    const seen: unknown[] = [];
    await subscriber.subscribe('t', { group: 'g' }, ({ data }) => seen.push(data));
    await publisher.publish('t', rich);
    await expect.poll(() => seen).toEqual([rich]);
  });

  it('buries what nobody reads here at once, and tells why', async () => {
    const { publisher, subscriber } = endsWith({ serializer: v8 }, {});
    const told: unknown[] = [];
    const listener = { error: ({ error }: { error?: unknown }) => void told.push(error) };
    channels.process.subscribe(listener as never);
    ends.push(() => channels.process.unsubscribe(listener as never));
    const { deadLetter } = await subscriber.subscribe('t', { group: 'g' }, () => {});
    await publisher.publish('t', rich, { id: 'm1' });
    const letter = await buriedAt(subscriber, deadLetter);
    expect(letter).toMatchObject({ id: 'm1', reason: 'messaging.unknown_content_type', attempts: 1 });
    expect(letter.contentType).toBe('application/x-v8');
    expect(deserialize(letter.body)).toEqual(rich);
    await expect
      .poll(() => told)
      .toMatchObject([{ message: expect.stringMatching(/"application\/x-v8"; read are: application\/json\.$/) }]);
  });

  it('buries bytes that are not what they say', async () => {
    const { publisher, subscriber } = endsWith(
      { serializer: { ...v8, serialize: () => Buffer.from('no') } },
      { serializer: v8 },
    );
    const { deadLetter } = await subscriber.subscribe('t', { group: 'g' }, () => {});
    await publisher.publish('t', 1);
    expect((await buriedAt(subscriber, deadLetter)).reason).toBe('messaging.invalid_payload');
  });
});

describe('what cannot be', () => {
  it('data that a serializer refuses, or does not make bytes of', async () => {
    const broken = createMessaging({ driver: memory(), serializer: { ...v8, serialize: () => 'text' as never } });
    const refused = { code: 'messaging.not_serializable' };
    await expect(broken.publish('t', 1)).rejects.toMatchObject(refused);
    const working = createMessaging({ driver: memory(), serializer: v8 });
    await expect(working.publish('t', () => {})).rejects.toMatchObject(refused);
    await Promise.all([broken.close(), working.close()]);
  });

  it('a promise in the place of bytes or data, also one that rejects', async () => {
    const late = (): never => Promise.reject(new Error('late')) as never;
    const { publisher, subscriber } = endsWith({ serializer: v8 }, { serializer: { ...v8, deserialize: late } });
    const writing = endsWith({ serializer: { ...v8, serialize: late } }).publisher;
    await expect(writing.publish('t', 1)).rejects.toMatchObject({
      code: 'messaging.not_serializable',
      message: expect.stringMatching(/"serialize" .*no promise/),
    });
    const seen: unknown[] = [];
    const { deadLetter } = await subscriber.subscribe('t', { group: 'g' }, ({ data }) => seen.push(data));
    await publisher.publish('t', 1);
    expect((await buriedAt(subscriber, deadLetter)).reason).toBe('messaging.invalid_payload');
    expect(seen).toEqual([]);
  });

  it.each([
    [{ serializer: {} }],
    [{ serializer: 'json' }],
    [{ serializer: { serialize, deserialize } }],
    [{ serializer: { ...v8, contentType: 'v8' } }],
    [{ serializer: { ...v8, contentType: 'application/x-v8; charset=utf-8' } }],
    [{ serializer: { ...v8, contentType: 'application/cloudevents+json' } }],
    [{ alsoRead: v8 }],
    [{ alsoRead: [null] }],
    [{ alsoRead: [v8, { ...v8 }] }],
    [{ serializer: v8, alsoRead: [{ ...v8, contentType: 'Application/X-V8' }] }],
  ])('%j', (options) => {
    expect(() => createMessaging({ driver: memory(), ...(options as object) })).toThrow(
      expect.objectContaining({ code: 'messaging.invalid_options' }),
    );
  });
});
