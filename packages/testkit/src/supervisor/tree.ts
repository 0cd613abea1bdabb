import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

// A server is more than one process: PostgreSQL gives each backend a session of its own, so that a signal to the
// process group misses it, and RabbitMQ starts helpers. These functions work on parent links instead.

/** Sends a signal; a process that is gone already is fine. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Sends a signal to processes and all their descendants, and tells the pids. */
export function signalTrees(roots: readonly number[], name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): number[] {
  // Each parent is stopped before its children are listed, so that no child can be born unseen.
  const tree: number[] = [];
  for (let level = [...roots]; level.length > 0; level = childrenOf(level)) {
    for (const pid of level) signal(pid, 'SIGSTOP');
    tree.push(...level);
  }
  if (name !== 'SIGSTOP') for (const pid of tree) signal(pid, name);
  return tree;
}

/** Whether a process still runs; a zombie that its parent has not collected yet does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !isZombie(pid);
}

/** The main thread turns zombie before the others end, and until they have, the sockets are open: the count tells. */
function isZombie(pid: number): boolean {
  const fields = process.platform === 'linux' ? statOf(pid) : undefined;
  return fields !== undefined && fields[STATE] === 'Z' && Number(fields[THREADS]) <= 1;
}

function childrenOf(parents: readonly number[]): number[] {
  return allProcesses()
    .filter(({ parent }) => parents.includes(parent))
    .map(({ pid }) => pid);
}

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
}

function allProcesses(): ProcessRow[] {
  if (process.platform !== 'linux') return listedByPs();
  const rows: ProcessRow[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    const parent = Number.isInteger(pid) ? Number(statOf(pid)?.[PARENT]) : Number.NaN;
    if (Number.isInteger(parent)) rows.push({ pid, parent });
  }
  return rows;
}

/** Systems without /proc (macOS) always have ps; small Linux images have /proc and often no ps. */
function listedByPs(): ProcessRow[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([pid, parent]) => ({ pid: pid ?? 0, parent: parent ?? 0 }));
}

// Positions in what statOf gives; see proc_pid_stat(5), whose numbers are 3 higher.
const STATE = 0;
const PARENT = 1;
const THREADS = 17;

/** The fields of /proc/PID/stat after the program's name, which is in brackets and may itself contain any character. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // it ended between the listing and the look
  }
}
