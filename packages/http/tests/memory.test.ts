// What connections cost that do nothing, or not yet: the resident memory of a server in a process of its own.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, onTestFinished } from 'vitest';
import { eventually } from '../../middleware/tests/support/serve.ts';
import { type Measured, startMeasured } from './support/measured.ts';

const MIB = 1024 * 1024;
const text = 'x'.repeat(MIB - '{"text":""}'.length);
const body = `{"text":"${text}"}`;
const post = `POST /notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;

/** Opens that many connections and sends this much on each. */
async function open({ port }: Measured, count: number, bytes: string): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) socket.write(bytes);
  return sockets;
}

/** Waits until the server has read so much, and gives the MiB that it takes then. */
async function mebibytes(measured: Measured, bytes: number, what: string): Promise<number> {
  await eventually(async () => expect((await measured.look()).bytesRead).toBeGreaterThanOrEqual(bytes));
  const { rssBytes } = await measured.held();
  console.log(`${what}: ${Math.round(rssBytes / MIB)} MiB resident`);
  return rssBytes / MIB;
}

describe('memory', () => {
  itInDepth('of connections that are kept and idle', { full: 1000, ci: 0, of: 'connections' }, async ({ count }) => {
    const measured = await startMeasured();
    const get = 'GET /notes/7 HTTP/1.1\r\nHost: a\r\n\r\n';
    const sockets = await open(measured, count, get);
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    expect(await mebibytes(measured, count * get.length, `${count} idle connections`)).toBeLessThan(180);
  });

  itInDepth('of heads of which half was sent', { full: 400, ci: 0, of: 'heads' }, async ({ count }) => {
    const measured = await startMeasured();
    const half = `GET /notes/7 HTTP/1.1\r\nHost: a\r\nX-A: ${'x'.repeat(8000)}`;
    await open(measured, count, half);
    expect(await mebibytes(measured, count * half.length, `${count} half-sent heads`)).toBeLessThan(185);
  });

  itInDepth('of bodies of 1 MiB but for a byte', { full: 200, ci: 0, of: 'bodies' }, async ({ count }) => {
    const measured = await startMeasured();
    const sockets = await open(measured, count, post + body.slice(0, -1));
    const bytes = count * (post.length + body.length - 1);
    // The bytes themselves and what the process is without them.
    expect(await mebibytes(measured, bytes, `${count} bodies of 1 MiB`)).toBeLessThan(170 + 1.2 * count);
    const answers = sockets.map((socket) => once(socket, 'data'));
    for (const socket of sockets) socket.write('}');
    for (const [answer] of await Promise.all(answers)) expect(String(answer)).toContain(`{"size":${text.length}}`);
  });
});
