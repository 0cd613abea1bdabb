import { expect, it } from 'vitest';
import { z } from 'zod';
import { asyncapi } from '../src/asyncapi.ts';
import { defineTopic } from '../src/index.ts';

const created = defineTopic('user.created', z.object({ id: z.uuid(), tags: z.array(z.string()).default([]) }));
const deleted = defineTopic('user.deleted', z.object({ id: z.uuid() }));

it('describes the topics of a service, with the schemas of what travels', () => {
  const document = asyncapi({
    title: 'Users',
    version: '1.0.0',
    servers: { production: { host: 'mq.example.com:5672', protocol: 'amqps' } },
    publishes: [created, deleted],
    subscribes: [deleted],
  }) as Record<string, Record<string, Record<string, unknown>>>;
  expect(document).toMatchObject({
    asyncapi: '3.0.0',
    info: { title: 'Users', version: '1.0.0' },
    channels: { 'user.created': { address: 'user.created' }, 'user.deleted': { address: 'user.deleted' } },
    operations: {
      'send.user.created': { action: 'send', channel: { $ref: '#/channels/user.created' } },
      'send.user.deleted': { action: 'send' },
      'receive.user.deleted': { action: 'receive' },
    },
  });
  const message = document['components']!['messages']!['user.created'] as { payload: object };
  // What is published, not what a handler gets: a default may be left out.
  expect(message.payload).toMatchObject({
    type: 'object',
    properties: { id: { type: 'string', format: 'uuid' }, tags: { type: 'array', items: { type: 'string' } } },
    required: ['id'],
  });
});

it('says nothing of data whose schema cannot be told', () => {
  const silent = defineTopic('t', { '~standard': { version: 1, vendor: 'v', validate: (value) => ({ value }) } });
  const unspeakable = defineTopic('u', z.object({ at: z.date() }));
  const document = asyncapi({ title: 'T', version: '1', subscribes: [silent, unspeakable] });
  expect(document['components']).toMatchObject({ messages: { t: { payload: {} }, u: { payload: {} } } });
});

it('refuses what it does not know, and one topic with two schemas', () => {
  const other = defineTopic('user.created', z.object({}));
  for (const bad of [{}, { title: 'a' }, { title: 'a', version: '1', topics: [] }]) {
    expect(() => asyncapi(bad as never)).toThrow(expect.objectContaining({ code: 'messaging.invalid_options' }));
  }
  expect(() => asyncapi({ title: 'a', version: '1', publishes: [created], subscribes: [other] })).toThrow('twice');
});
