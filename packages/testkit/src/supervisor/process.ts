// The supervisor: a process of its own that starts the servers of one test process, and ends them and
// removes their folders when that process is gone. The IPC channel between the two breaks however the test
// process ends, by SIGKILL as well; a handler inside the test process could not promise that. It runs in a
// session of its own, so Ctrl-C does not reach it first.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { canListen } from '../free-ports.ts';
import type { Notice, Place, ProcessUser, Program, Request } from './protocol.ts';
import { isRunning, signal, signalTrees } from './tree.ts';

// Below the ports that the kernel gives to outgoing connections (Linux: from 32768, macOS: from
// 49152): a server that is down for a while must find its port free again. A server gets three:
// RabbitMQ needs them, and Redis wants its bus 10000 above.
const FIRST_PORT = 11_000;
const PORTS = 5000;
const OFFSETS = [0, PORTS, 2 * PORTS];

const running = new Map<number, ChildProcess>();
const folders = new Set<string>();
let ending = false;

// Node keeps messages until someone listens: those of a test process that died meanwhile must not be carried out.
if (!process.connected) process.exit(0);
process.on('message', (request: Request) => {
  carryOut(request).then(
    (value) => tell({ kind: 'answer', id: request.id, value }),
    (error: unknown) => tell({ kind: 'refusal', id: request.id, message: String(error) }),
  );
});
process.on('disconnect', () => void end(0));
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => void end(1));
process.on('uncaughtException', (error) => {
  console.error('The testkit supervisor failed:', error);
  void end(1);
});

function tell(notice: Notice): void {
  if (process.connected) process.send?.(notice, () => {}); // a test process that has just died needs no answer
}

async function carryOut(command: Request): Promise<unknown> {
  if (ending) throw new Error('The testkit is closing.');
  switch (command.op) {
    case 'reserve':
      return reserve(command.user);
    case 'start':
      return start(command.program, (code, name) => tell({ kind: 'exit', id: command.id, code, signal: name }));
    case 'run':
      return new Promise((resolve, reject) => {
        start(command.program, (code) => resolve(code ?? -1)).catch(reject);
      });
    case 'signal':
      return signal(command.pid, command.signal);
    case 'signalTree': {
      if (!running.has(command.pid)) return undefined;
      const tree = signalTrees([command.pid], command.signal);
      return command.signal === 'SIGKILL' ? gone(tree) : undefined;
    }
    case 'release':
      return remove(command.dir);
  }
}

/** A folder named after its port is also the lock on that port: mkdir is atomic, across all test processes. */
async function reserve(user: ProcessUser | undefined): Promise<Place> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const dir = join(tmpdir(), `ent-testkit-${port}`);
    try {
      mkdirSync(dir, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    folders.add(dir);
    if (user) chownSync(dir, user.uid, user.gid);
    const free = await Promise.all(OFFSETS.map((offset) => canListen(port + offset)));
    if (ending) throw new Error('The testkit is closing.');
    if (!free.includes(false)) return { port, dir };
    remove(dir);
  }
  throw new Error(`No free port found between ${FIRST_PORT} and ${FIRST_PORT + PORTS}.`);
}

async function start(program: Program, onExit: (code: number | null, name: string | null) => void): Promise<number> {
  const log = openSync(program.logFile, 'a');
  const child = spawn(program.file, program.args, {
    cwd: program.cwd,
    env: program.env,
    stdio: ['ignore', log, log],
    detached: true, // a process group of its own, see signalGroup
    ...program.user,
  });
  closeSync(log);
  const { pid } = child;
  if (pid !== undefined) running.set(pid, child);
  child.once('exit', (code, name) => {
    if (pid === undefined) return;
    running.delete(pid);
    // What it leaves behind must not outlive it; right now its group's number cannot belong to anyone else.
    signalGroup(pid);
    onExit(code, name);
  });
  await once(child, 'spawn'); // rejects with the reason when there was none
  return pid as number;
}

function signalGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // nobody is left in it
  }
}

async function gone(pids: readonly number[]): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (pids.some((pid) => isRunning(pid) || running.has(pid))) {
    if (Date.now() > deadline) throw new Error(`The processes ${pids.filter(isRunning).join(', ')} survive SIGKILL.`);
    await wait(2);
  }
}

function remove(dir: string): void {
  if (!folders.has(dir)) throw new Error(`${dir} is no folder of this testkit.`);
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  folders.delete(dir);
}

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  await gone(signalTrees([...running.keys()], 'SIGKILL')).catch((error: unknown) => console.error(String(error)));
  for (const dir of folders) {
    try {
      remove(dir);
    } catch (error) {
      console.error(String(error)); // the others are removed all the same
    }
  }
  process.exit(code);
}
