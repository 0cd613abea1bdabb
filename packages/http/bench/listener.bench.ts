// JSON over loopback: each server in a process of its own, the client here, so that both have a core.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { bench } from '../../../scripts/bench.ts';
import { person, subjects } from './servers.ts';

const CONNECTIONS = 8;
const PER_CONNECTION = 8;

const get = 'GET /hello HTTP/1.1\r\nHost: a\r\n\r\n';
const post = `POST /people HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${person.length}\r\n\r\n${person}`;

/** A burst: so many requests, written at once on each connection; done when every byte of their answers is there. */
async function client(port: number, request: string): Promise<() => Promise<unknown>> {
  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    }),
  );
  // The answers of one server have all the same length.
  const size = await answerSize(sockets[0] as Socket, request);
  const burst = request.repeat(PER_CONNECTION);
  return () => Promise.all(sockets.map((socket) => exchange(socket, burst, size * PER_CONNECTION)));
}

function exchange(socket: Socket, text: string, bytes: number): Promise<void> {
  return new Promise((resolve) => {
    let missing = bytes;
    const onData = (chunk: Buffer): void => {
      missing -= chunk.length;
      if (missing > 0) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
    socket.write(text);
  });
}

async function answerSize(socket: Socket, request: string): Promise<number> {
  socket.write(request);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  if (!chunk.toString().startsWith('HTTP/1.1 200 ')) throw new Error(chunk.toString());
  return chunk.length;
}

const children = await Promise.all(
  subjects.map(async (subject) => {
    const child = fork(join(import.meta.dirname, 'servers.ts'), [subject]);
    const [port] = (await once(child, 'message')) as [number];
    return { subject, child, port };
  }),
);
for (const [name, request] of Object.entries({ 'GET, response schema': get, 'POST, body and response schema': post })) {
  const works = await Promise.all(
    children.map(async ({ subject, port }) => [subject, await client(port, request)] as const),
  );
  const { raw, ...others } = Object.fromEntries(works);
  await bench(`${name} (bursts of ${CONNECTIONS * PER_CONNECTION} requests)`, {
    raw: raw as () => unknown,
    subjects: others,
    perTurn: 1,
  });
}
for (const { child } of children) child.disconnect();
process.exit();
