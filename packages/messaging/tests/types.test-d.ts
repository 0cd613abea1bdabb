import { expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { memory } from '../src/drivers/memory.ts';
import {
  createMessaging,
  defineTopic,
  type Message,
  type MessagingDriver,
  type Publisher,
  type Topic,
} from '../src/index.ts';

const messaging = createMessaging({ driver: memory() });
const userCreated = defineTopic('user.created', z.object({ id: z.string(), at: z.coerce.date<string>() }));

it('a topic has the types of its schema: what is published, and what arrives', () => {
  expectTypeOf(userCreated).toExtend<Topic<{ id: string; at: string }, { id: string; at: Date }>>();
  void messaging.publish(userCreated, { id: 'u1', at: '2030-01-01' });
  // @ts-expect-error a field is missing
  void messaging.publish(userCreated, { id: 'u1' });
  // @ts-expect-error a Date is not what travels
  void messaging.publish(userCreated, { id: 'u1', at: new Date() });
  void messaging.publishMany(userCreated, [{ data: { id: 'u1', at: '2030-01-01' }, subject: 'u1' }]);
  // @ts-expect-error the data of a batch is checked too
  void messaging.publishMany(userCreated, [{ data: { id: 1, at: '2030-01-01' } }]);
  void messaging.subscribe(userCreated, { group: 'g' }, (message) => {
    expectTypeOf(message).toEqualTypeOf<Message<{ id: string; at: Date }>>();
  });
});

it('a topic without a schema takes anything and gives unknown', () => {
  void messaging.publish('user.created', { any: 'thing' });
  void messaging.publish('user.created', null);
  void messaging.subscribe('user.created', { group: 'g' }, (message, { signal, attempt }) => {
    expectTypeOf(message.data).toBeUnknown();
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    expectTypeOf(attempt).toBeNumber();
  });
});

it('a handler may be synchronous or not, and return what it likes', () => {
  const seen: unknown[] = [];
  void messaging.subscribe('t', { group: 'g' }, (message) => seen.push(message));
  void messaging.subscribe('t', { group: 'g' }, async (message) => seen.push(message));
});

it('a subscription needs a group', () => {
  // @ts-expect-error no group
  void messaging.subscribe('t', {}, () => {});
});

it('an application depends on the part that it uses', () => {
  expectTypeOf(messaging).toExtend<Publisher>();
  expectTypeOf(messaging.driver.client.count('t', 'g')?.ready).toEqualTypeOf<number | undefined>();
  expectTypeOf(messaging.driver.features.durability).toEqualTypeOf<'memory'>();
  expectTypeOf(memory()).toExtend<MessagingDriver>();
});
