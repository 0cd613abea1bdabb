// JSON over loopback: each server in a process of its own, the client here. What counts is the processor time of the
// server, where the system tells it: that of the client, and of other work on the machine, is none of its cost.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { bench } from '../../../scripts/bench.ts';
import { ORIGIN, person, subjects } from './servers.ts';

const CONNECTIONS = 8;
const PER_CONNECTION = 8;
const WARM = 300;

const requests = (head = ''): Record<string, string> => ({
  'GET, response schema': `GET /hello HTTP/1.1\r\nHost: a\r\n${head}\r\n`,
  'POST, body and response schema': `POST /people HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${head}Content-Length: ${person.length}\r\n\r\n${person}`,
});

/** Milliseconds that all threads of a process were on a processor. */
function processorTime(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const spent = readdirSync(tasks).map((id) => Number.parseInt(readFileSync(`${tasks}/${id}/schedstat`, 'utf8')));
  return spent.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

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
  const run = (): Promise<unknown> =>
    Promise.all(sockets.map((socket) => exchange(socket, burst, size * PER_CONNECTION)));
  // A server is slow until the engine has compiled it.
  for (let warm = 0; warm < WARM; warm++) await run();
  return run;
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
const isUsual = (subject: string): boolean => subject.includes('usual');
const tables = [
  ...Object.entries(requests()).map(([name, request]) => ({
    name,
    request,
    ours: children.filter((c) => !isUsual(c.subject)),
  })),
  ...Object.entries(requests(`Origin: ${ORIGIN}\r\n`)).map(([name, request]) => ({
    name: `${name}, with request id, security headers, CORS and rate limit`,
    request,
    ours: children.filter(({ subject }) => subject === 'raw' || isUsual(subject)),
  })),
];
for (const { name, request, ours } of tables) {
  const works = await Promise.all(
    ours.map(async ({ subject, port }) => [subject, await client(port, request)] as const),
  );
  const { raw, ...others } = Object.fromEntries(works);
  const pids = new Map(ours.map(({ subject, child }) => [subject, child.pid as number]));
  await bench(`${name} (bursts of ${CONNECTIONS * PER_CONNECTION} requests)`, {
    raw: raw as () => unknown,
    subjects: others,
    perTurn: 1,
    ...(existsSync('/proc/self/schedstat') && { clock: (subject) => processorTime(pids.get(subject) as number) }),
  });
}
for (const { child } of children) child.disconnect();
process.exit();
