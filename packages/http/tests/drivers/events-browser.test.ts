import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeWithBrowser } from '@ent/testkit/browser';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, stop } from '../../../middleware/tests/support/serve.ts';
import {
  createListener,
  createServer,
  drain,
  eventStream,
  lastEventId,
  reply,
  route,
  type ServerSentEvent,
} from '../../src/index.ts';

const PAGE = `<!doctype html><link rel="icon" href="data:,"><script>
window.seen = [];
const source = new EventSource('/events');
const note = (event) => seen.push([event.type, event.data, event.lastEventId]);
for (const type of ['message', 'note']) source.addEventListener(type, note);
source.addEventListener('error', () => { window.state = source.readyState; });
</script>`;

/** As a client has them: what the standard makes of what is sent. */
const events: ServerSentEvent[] = [
  { data: '\ufeffmark', id: '1' },
  { event: 'note', data: 'a\nb\r\nc\rd', id: 'ü2' },
  { id: '3' },
  { data: '' },
  { data: ' { "spaced": true }\n', id: '4' },
  { data: 'after the restart', id: '5' },
];
const inBrowser = [
  ['message', '\ufeffmark', '1'],
  ['note', 'a\nb\nc\nd', 'ü2'],
  ['message', '', '3'],
  ['message', ' { "spaced": true }\n', '4'],
];

describeWithBrowser('events in a browser', (open) => {
  const asked: (string | undefined)[] = [];
  /** Sends what comes after the last id, and waits then. */
  async function start(port: number, count: number): Promise<Server> {
    const page = route({
      method: 'GET',
      path: '/',
      responses: { 200: { contentType: 'text/html; charset=utf-8' } },
      handler: () => PAGE,
    });
    const stream = route({
      method: 'GET',
      path: '/events',
      responses: { 200: eventStream({ retry: 100 }), 204: {} },
      handler: ({ exchange }) => {
        const last = lastEventId(exchange);
        asked.push(last);
        const from = last === undefined ? 0 : events.findIndex(({ id }) => id === last) + 1;
        return from === events.length ? reply(204) : reply(200, eventsFrom(from));
      },
    });
    async function* eventsFrom(from: number): AsyncGenerator<ServerSentEvent> {
      yield* events.slice(from, count);
      // The last of all ends the stream; before it there may be more.
      if (count < events.length) await new Promise<never>(() => {});
    }
    const server = createServer(createListener([page, stream])).listen(port, '127.0.0.1');
    onTestFinished(() => stop(server));
    await once(server, 'listening');
    return server;
  }

  it('are what was sent, go on after a restart where they were, and end for good by 204', async () => {
    const first = await start(0, events.length - 1);
    const { port } = first.address() as AddressInfo;
    const { page } = await open(`http://127.0.0.1:${port}/`);
    const seen = (): Promise<unknown> => page.evaluate('window.seen');
    await eventually(async () => expect(await seen()).toEqual(inBrowser));

    expect(await drain(first, { grace: 0, deadline: '60s' })).toEqual({ cut: 0 });
    await start(port, events.length);
    await eventually(async () => expect(await seen()).toEqual([...inBrowser, ['message', 'after the restart', '5']]));
    const CLOSED = 2;
    await eventually(async () => expect(await page.evaluate('window.state')).toBe(CLOSED));
    // The old server may be asked again before it is gone, and ends that stream too.
    expect([...new Set(asked)]).toEqual([undefined, '4', '5']);
  });
});
