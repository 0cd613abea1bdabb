// Bursts of requests at servers in processes of their own, and the processor time that those take.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { bench } from './bench.ts';

const CONNECTIONS = 8;
const PER_CONNECTION = 8;
const WARM = 300;

/** A server that is measured. */
export interface Child {
  readonly subject: string;
  readonly child: ChildProcess;
  readonly port: number;
}

/** Starts a program for each subject, with the subject as its first argument. It says its port. */
export function startServers(program: string, subjects: readonly string[], ...args: string[]): Promise<Child[]> {
  return Promise.all(
    subjects.map(async (subject) => {
      const child = fork(program, [subject, ...args]);
      const [port] = (await once(child, 'message')) as [number];
      return { subject, child, port };
    }),
  );
}

/**
 * Measures one request at all servers; one of them is `raw`. What counts is the processor time of the server, where the
 * system tells it: that of the client, and of other work on the machine, is none of its cost.
 */
export async function benchBursts(name: string, request: string, servers: readonly Child[]): Promise<void> {
  const works = await Promise.all(
    servers.map(async ({ subject, port }) => [subject, await client(port, request)] as const),
  );
  const { raw, ...others } = Object.fromEntries(works);
  const pids = new Map(servers.map(({ subject, child }) => [subject, child.pid as number]));
  await bench(`${name} (bursts of ${CONNECTIONS * PER_CONNECTION} requests)`, {
    raw: raw as () => unknown,
    subjects: others,
    perTurn: 1,
    ...(existsSync('/proc/self/schedstat') && { clock: (subject) => processorTime(pids.get(subject) as number) }),
  });
}

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
