import { connect } from 'node:net';
import { once } from 'node:events';
import { requestContext, requestId, securityHeaders } from '@ent/middleware';
import { bytesPerRound } from '@ent/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { eventually, listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { createListener, createServer, drain, route } from '../src/index.ts';

let held = 0;
const Note = z.object({ text: z.string() });
const routes = [
  route({
    method: 'GET',
    path: '/notes/:id',
    responses: { 200: Note },
    handler: ({ params, exchange }) => (void exchange.signal, { text: params.id }),
  }),
  route({ method: 'POST', path: '/notes', body: Note, responses: { 200: Note }, handler: ({ body }) => body }),
  route({
    method: 'GET',
    path: '/held',
    responses: { 204: {} },
    async handler({ exchange }) {
      held++;
      await once(exchange.signal, 'abort');
      held--;
    },
  }),
];

const make = () =>
  createServer(createListener(routes, { middleware: [requestId(), requestContext(), securityHeaders()] }));

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const last = (path: string): string => get(path, 'Connection: close\r\n');
const post = (text: string): string => {
  const body = JSON.stringify({ text });
  return `POST /notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};

async function leave(served: Served): Promise<void> {
  const socket = connect(served.port, '127.0.0.1').on('error', () => {});
  socket.write(get('/held'));
  await eventually(() => expect(held).toBe(1));
  socket.destroy();
  await eventually(() => expect(held).toBe(0));
}

describe('a server leaves nothing behind', () => {
  it.each<[string, number, (served: Served, round: number) => unknown]>([
    ['requests of one connection', 50, ({ raw }, n) => raw(get(`/notes/${n}`).repeat(99) + last('/notes/1'))],
    ['bodies', 50, ({ raw }, n) => raw(post(`note ${n}`).repeat(99) + last('/notes/1'))],
    ['paths that nobody answers', 50, ({ raw }, n) => raw(get(`/${n}/other`).repeat(99) + last('/notes/1'))],
    ['connections', 500, ({ raw }, n) => raw(last(`/notes/${n}`))],
    ['what is no HTTP', 500, ({ raw }, n) => raw(`hello ${n}\r\n\r\n`)],
    ['clients that go away', 200, leave],
  ])('of %s', async (_name, rounds, work) => {
    const served = await listen(make());
    onTestFinished(() => stop(served.server));
    const bytes = await bytesPerRound(rounds, (n) => work(served, n));
    // Of a hundred requests, or of a connection: one object that stays takes that much.
    expect(bytes).toBeLessThan(1500);
  });

  it('of itself, once it is drained', async () => {
    const bytes = await bytesPerRound(100, async (n) => {
      const served = await listen(make());
      await served.raw(last(`/notes/${n}`));
      await drain(served.server, { grace: 0 });
    });
    expect(bytes).toBeLessThan(3000);
  });
});
