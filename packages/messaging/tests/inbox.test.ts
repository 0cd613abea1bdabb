import { defineEntity } from '@ent/database';
import { createTables } from '@ent/database/testing';
import { describe, expect, it } from 'vitest';
import type { HandlerContext, Message } from '../src/index.ts';
import { createInbox, type Inbox } from '../src/inbox.ts';
import { manualClock } from '../src/testing.ts';
import { useOutbox } from './outbox-support.ts';

const open = useOutbox();
const totals = defineEntity({ name: 'totals', fields: { id: 'string', sum: 'int' } });
const context = (group = 'g'): HandlerContext => ({ group, attempt: 1, signal: new AbortController().signal });
const message = (id: string, more: Partial<Message> = {}): Message => ({
  id,
  topic: 't',
  type: 't',
  source: 's',
  subject: undefined,
  time: new Date(),
  data: 1,
  headers: {},
  correlationId: id,
  causationId: undefined,
  key: undefined,
  ...more,
});

const setUp = async (options: Partial<Parameters<typeof createInbox>[0]> = {}) => {
  const place = await open();
  await createTables(place.db, totals);
  const sums = place.db.repo(totals);
  await sums.insert({ id: 'all', sum: 0 });
  const inbox: Inbox = createInbox({ db: place.db, ...options });
  let runs = 0;
  const handler = inbox.once(async ({ data }: Message) => {
    runs++;
    await sums.update('all', { inc: { sum: Number(data) } });
    if (data === 100) throw new Error('no');
  });
  return { ...place, inbox, handler, sum: async () => (await sums.get('all'))!.sum, runs: () => runs };
};

describe('an inbox', () => {
  it('has the effect of a message once for each group, topic, source and id', async () => {
    const { handler, sum, runs } = await setUp();
    for (let n = 0; n < 3; n++) await handler(message('a'), context());
    expect([await sum(), runs()]).toEqual([1, 1]);
    await handler(message('b'), context());
    await handler(message('a'), context('other'));
    await handler(message('a', { topic: 'u' }), context());
    await handler(message('a', { source: 'elsewhere' }), context());
    expect(await sum()).toBe(5);
  });

  it('forgets a message whose handler failed, with all that it wrote', async () => {
    const { handler, sum, runs } = await setUp();
    await expect(handler(message('a', { data: 100 }), context())).rejects.toThrow('no');
    expect(await sum()).toBe(0);
    await handler(message('a', { data: 5 }), context());
    expect([await sum(), runs()]).toEqual([5, 2]);
  });

  it('lets a duplicate that comes meanwhile wait for the first, and pass', async () => {
    const { handler, sum, runs } = await setUp();
    await Promise.all(Array.from({ length: 20 }, () => handler(message('a'), context())));
    expect([await sum(), runs()]).toEqual([1, 1]);
  });

  it('rolls back when the time of the handler is up', async () => {
    const { inbox, db, sum } = await setUp();
    const aborted = new AbortController();
    const handler = inbox.once(async () => {
      await db.repo(totals).update('all', { inc: { sum: 1 } });
      aborted.abort(new Error('too late'));
      await new Promise((resolve) => setImmediate(resolve));
    });
    const call = handler(message('a'), { group: 'g', attempt: 1, signal: aborted.signal });
    await expect(call).rejects.toThrow('too late');
    expect(await sum()).toBe(0);
  });

  it('publishes by an outbox on the same database once, too', async () => {
    const { inbox, outbox, relay, publish, messaging, arrived, db } = await setUp();
    await relay();
    const handler = inbox.once(async ({ data }) => void (await outbox.publish('next', data)));
    const next: unknown[] = [];
    await messaging.subscribe('next', { group: 'g' }, (one) => next.push(one));
    await publish(7, { id: 'm1' });
    await expect.poll(() => arrived.length).toBe(1);
    for (let n = 0; n < 3; n++) await handler(arrived[0]!, context());
    await db.transaction(async () => void (await outbox.publish('next', 'last')));
    await expect.poll(() => next.length).toBe(2);
    expect(next).toMatchObject([{ data: 7 }, { data: 'last' }]);
  });

  it('remembers for its retention, and forgets a few at a time', async () => {
    const clock = manualClock();
    const { inbox, handler, sum } = await setUp({ clock, retention: '1d' });
    for (let n = 0; n < 600; n++) await handler(message(`m${n}`), context());
    await clock.advance(23 * 3_600_000);
    expect(await inbox.clean()).toBe(0);
    await handler(message('m0'), context());
    await clock.advance(3 * 3_600_000);
    // By itself, after some message.
    await handler(message('late'), context());
    await expect.poll(() => inbox.clean()).toBe(0);
    expect(await sum()).toBe(601);
    await handler(message('m0'), context());
    expect(await sum()).toBe(602);
  });

  it('refuses what is no set-up', async () => {
    const { db } = await open();
    expect(() => createInbox({} as never)).toThrow('"db"');
    expect(() => createInbox({ db, retension: '1d' } as never)).toThrow('retention');
    expect(() => createInbox({ db, retention: 'soon' })).toThrow('retention');
  });
});
