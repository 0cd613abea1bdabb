import { TimeoutError } from '@ent/errors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { eventually, listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { type Client, type ClientEvent, createClient } from '../src/client.ts';
import { createListener, createServer, drain, eventStream, lastEventId, reply, route } from '../src/index.ts';
import { EventParser } from '../src/internal/event-parser.ts';

const state = { asked: [] as (string | undefined)[], closed: 0, refuse: 0 };
const routes = [
  route({
    method: 'GET',
    path: '/ticks/:room',
    query: z.object({ upTo: z.int() }),
    responses: { 200: eventStream({ data: z.object({ n: z.int(), at: z.date() }), retry: 1 }), 204: {} },
    handler: ({ exchange, query }) => {
      const last = lastEventId(exchange);
      state.asked.push(last);
      if (state.refuse-- > 0) throw new TimeoutError('Not now.');
      const from = Number(last?.slice(1) ?? 0) + 1;
      if (from > query.upTo) return reply(204);
      const events = (async function* () {
        // Two on each connection: the next ones come to who connects again.
        for (let n = from; n < from + 2; n++) yield { id: `ü${n}`, event: 'tick', data: { n, at: new Date(0) } };
      })();
      return reply(200, events);
    },
  }),
  route({
    method: 'GET',
    path: '/words',
    responses: { 200: eventStream({ heartbeat: '1h' }) },
    async *handler({ exchange }) {
      try {
        yield { data: 'a\nb' };
        await new Promise((resolve) => exchange.signal.addEventListener('abort', resolve));
      } finally {
        state.closed++;
      }
    },
  }),
  route({ method: 'GET', path: '/none', responses: { 200: z.object({}) }, handler: () => ({}) }),
];

let served: Served;
let client: Client<typeof routes>;
beforeAll(async () => {
  served = await listen(createServer(createListener(routes)));
  client = createClient<typeof routes>(served.url);
});
afterAll(() => stop(served.server));

const call = (upTo: number) => ({ params: { room: 'a' }, query: { upTo } });

describe('a client of events', () => {
  it('takes them up where the last connection ended, until there is nothing more', async () => {
    state.asked = [];
    const seen: ClientEvent<{ n: number; at: string }>[] = [];
    for await (const event of client.events('/ticks/:room', call(5))) seen.push(event);
    const at = new Date(0).toISOString();
    expect(seen[0]).toEqual({ event: 'tick', id: 'ü1', data: { n: 1, at } });
    expect(seen.map(({ data }) => data.n)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(state.asked).toEqual([undefined, 'ü2', 'ü4', 'ü6']);
  });

  it('begins behind an event of before', async () => {
    const seen: number[] = [];
    for await (const { data } of client.events('/ticks/:room', { ...call(4), lastEventId: 'ü3' })) seen.push(data.n);
    expect(seen).toEqual([4, 5]);
  });

  it('comes again to a service that is not there now, as often as it is told', async () => {
    state.refuse = 2;
    const events = client.events('/ticks/:room', { ...call(2), retry: 1, retries: 2 });
    expect((await events.next()).value).toMatchObject({ data: { n: 1 } });
    await events.return();
    state.refuse = 2;
    const impatient = client.events('/ticks/:room', { ...call(2), retry: 1, retries: 1 });
    await expect(impatient.next()).rejects.toBeInstanceOf(TimeoutError);
  });

  it('does not come again for a fault of its own', async () => {
    const wrong = client.events('/ticks/:room', { params: { room: 'a' }, query: { upTo: 1.5 } });
    await expect(wrong.next()).rejects.toMatchObject({ code: 'http.invalid_request' });
    const none = (client.events as (path: string) => AsyncGenerator)('/none');
    await expect(none.next()).rejects.toMatchObject({
      code: 'http.unexpected_answer',
      message: expect.stringContaining('no stream of events'),
    });
  });

  it('lets the connection go when its loop is left, and by its signal', async () => {
    state.closed = 0;
    for await (const { data, event, id } of client.events('/words', { data: 'text' })) {
      expect({ data, event, id }).toEqual({ data: 'a\nb', event: 'message', id: '' });
      break;
    }
    await eventually(() => expect(state.closed).toBe(1));
    const controller = new AbortController();
    const events = client.events('/words', { data: 'text', signal: controller.signal });
    await events.next();
    const reason = new Error('enough');
    const next = events.next();
    controller.abort(reason);
    await expect(next).rejects.toBe(reason);
    await eventually(() => expect(state.closed).toBe(2));
  });

  it('takes a connection that says nothing for lost', async () => {
    const events = client.events('/words', { data: 'text', idle: 20, retries: 0 });
    expect((await events.next()).value).toMatchObject({ data: 'a\nb' });
    await expect(events.next()).rejects.toMatchObject({
      code: 'http.unreachable',
      message: expect.stringContaining('said nothing for 20 ms'),
    });
  });

  it('says what it cannot read', async () => {
    const text = client.events('/words', {} as never);
    await expect(text.next()).rejects.toMatchObject({
      code: 'http.unexpected_answer',
      message: expect.stringContaining('no JSON; for text'),
    });
  });

  it('goes to another instance when its own is drained', async () => {
    const first = await listen(createServer(createListener(routes)));
    let url = first.url;
    const moving = createClient<typeof routes>('http://service.example', {
      fetch: (input, init) => fetch((input as string).replace('http://service.example', url), init),
    });
    const events = moving.events('/words', { data: 'text', retry: 1 });
    await events.next();
    const next = events.next();
    url = served.url;
    expect(await drain(first.server, { grace: 0 })).toEqual({ cut: 0 });
    expect((await next).value).toMatchObject({ data: 'a\nb' });
    await events.return();
  });

  it.each<[object, RegExp]>([
    [{ lastEventId: 'a\nb' }, /lastEventId must be/],
    [{ data: 'json' }, /data must be "text"/],
    [{ retries: -1 }, /retries must be/],
    [{ retry: 'soon' }, /retry must be/],
    [{ idle: 0 }, /idle must be/],
    [{ expect: [204] }, /no option "expect"/],
    [{ signal: {} }, /signal must be an AbortSignal/],
  ])('refuses %j', (given, message) => {
    expect(() => client.events('/words', given as never)).toThrow(message);
  });
});

describe('the parser', () => {
  const text =
    ':\r\nid: 1\rdata: a\ndata:  b\n\ndata\n\nid: x\0y\nevent: e\r\n\r\nretry: 7\nretry: x\nid\ndata: ü\r\r: end';
  const expected = [
    { event: 'message', id: '1', data: 'a\n b' },
    { event: 'message', id: '1', data: '' },
    { event: 'message', id: '', data: 'ü' },
  ];

  it.each([1, 2, 3, 7, 1000])('reads by the standard, however the bytes are cut: %d at a time', (size) => {
    const parser = new EventParser('', 1000);
    const bytes = new TextEncoder().encode(`\ufeff${text}`);
    const events = [];
    for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.subarray(at, at + size)));
    expect(events).toEqual(expected);
    expect([parser.id, parser.retryMs]).toEqual(['', 7]);
  });

  it('reads no event that is longer than it may be, and those before it', () => {
    const parser = new EventParser('', 10);
    const read = (given: string): string[] => parser.push(new TextEncoder().encode(given)).map(({ data }) => data);
    expect([read('data: 12\n\nda'), parser.isTooLong]).toEqual([['12'], false]);
    expect([read('ta: 3456'), read('7890'), parser.isTooLong]).toEqual([[], [], true]);
    expect(read('\n\ndata: 1\n\n')).toEqual([]);
  });
});
