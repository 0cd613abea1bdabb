// Bursts of requests at servers in processes of their own, and the processor time that those take.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { bench } from './bench.ts';

const WARM = 300;

/** A server that is measured. */
export interface Child {
  readonly subject: string;
  readonly child: ChildProcess;
  readonly port: number;
}

/** A burst: so many requests, written at once on each of so many connections. */
export interface Burst {
  readonly connections: number;
  readonly perConnection: number;
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
 *
 * @param request its text, or what gives that of a server
 */
export async function benchBursts<Server extends Child>(
  name: string,
  request: string | ((server: Server) => string),
  servers: readonly Server[],
  burst: Burst = { connections: 8, perConnection: 8 },
): Promise<void> {
  const works = servers.map((server) => {
    const text = typeof request === 'string' ? request : request(server);
    return [server.subject, client(server.port, text, burst)] as const;
  });
  // A server is slow until the engine has compiled it.
  for (const [, work] of works) for (let warm = 0; warm < WARM; warm++) await work();
  const { raw, ...others } = Object.fromEntries(works);
  const pids = new Map(servers.map(({ subject, child }) => [subject, child.pid as number]));
  await bench(`${name} (bursts of ${burst.connections * burst.perConnection} requests)`, {
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

/** Gives what sends a burst, which is done when every answer is there. */
function client(port: number, request: string, { connections, perConnection }: Burst): () => Promise<unknown> {
  const sockets: (Socket | undefined)[] = Array.from({ length: connections }, () => undefined);
  const text = request.repeat(perConnection);
  return () =>
    Promise.all(
      sockets.map(async (kept, at) => {
        const socket = (sockets[at] = kept?.writable ? kept : await open(port));
        await exchange(socket, text, perConnection);
        // Servers end a connection that had its share of requests.
        if (!socket.writable || socket.readableEnded) sockets[at] = undefined;
      }),
    );
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  return socket;
}

const HEAD_END = Buffer.from('\r\n\r\n');

function exchange(socket: Socket, text: string, answers: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let [missing, bytes]: [number, Buffer] = [answers, Buffer.alloc(0)];
    const settle = (error?: Error): void => {
      socket.off('data', onData).off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      for (let end = answerEnd(bytes); end !== undefined && end <= bytes.length; end = answerEnd(bytes)) {
        if (!bytes.toString('latin1', 0, 13).startsWith('HTTP/1.1 200 ')) return settle(new Error(String(bytes)));
        bytes = bytes.subarray(end);
        missing--;
      }
      if (missing === 0) settle();
    };
    const onClose = (): void => settle(new Error('a connection was closed before its answers were there'));
    socket.on('data', onData).once('close', onClose);
    socket.write(text);
  });
}

/** Where the first answer ends; undefined before its head is there. */
function answerEnd(bytes: Buffer): number | undefined {
  const head = bytes.indexOf(HEAD_END);
  if (head === -1) return undefined;
  const [, length] = /\r\ncontent-length: (\d+)\r\n/i.exec(bytes.toString('latin1', 0, head + 2)) ?? [];
  if (length === undefined) throw new Error(`an answer without its length: ${bytes.toString('latin1', 0, head)}`);
  return head + HEAD_END.length + Number(length);
}
