import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SERVER_NAMES, type ServerName } from '../../src/index.ts';
import { supervisor } from '../../src/supervisor/client.ts';
import { needs } from '../needs.ts';

const program = fileURLToPath(new URL('../programs/use-servers.ts', import.meta.url));
const children: ChildProcess[] = [];

const patient = { timeout: 60_000 };

/** The temp folder of the test processes: nothing may be left in it, and no process may work in it. */
let temp: string;

beforeEach(async () => {
  // From the testkit, so that it goes when this run is interrupted.
  temp = (await supervisor().reserve(undefined)).dir;
  chmodSync(temp, 0o755); // the servers run as their own users
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await supervisor().release(temp);
});

/** A test process that starts servers and then ends or waits, as told. */
function testProcess(how: 'wait' | 'throw' | 'exit' | 'end', names: readonly ServerName[], user = {}) {
  // Servers given by URL are nobody's to clean up: these tests are about the others.
  const env = Object.entries(process.env).filter(([name]) => !/^(ENT_TEST_.*_URL|NODE_OPTIONS)$/.test(name));
  const child = spawn(process.execPath, ['--conditions=@ent/source', program, how, ...names], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...Object.fromEntries(env), TMPDIR: temp },
    ...user,
  });
  children.push(child);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  return {
    child,
    exited,
    /** Settles when all its servers are up. */
    ready: () =>
      Promise.race([
        once(createInterface(child.stdout), 'line'),
        exited.then((exit) => Promise.reject(new Error(`the test process ended early: ${exit.join(' ')}`))),
      ]),
  };
}

async function nothingIsLeft(): Promise<void> {
  await expect.poll(() => [...readdirSync(temp), ...processesIn(temp)], patient).toEqual([]);
}

/** The processes whose working folder is in a folder, also when that is deleted. Servers work in theirs. */
function processesIn(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    } catch {
      return false; // no process, or one that just ended
    }
  });
}

describe('the servers of a test process', () => {
  it.for(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const)('are gone after %s', async (signal, context) => {
    needs('redis', context);
    const { child, exited, ready } = testProcess('wait', ['redis']);
    await ready();
    expect(readdirSync(temp)).toHaveLength(1);
    if (process.platform === 'linux') expect(processesIn(temp)).toHaveLength(1);
    child.kill(signal);
    expect(await exited).toEqual([null, signal]);
    await nothingIsLeft();
  });

  it.for([
    ['threw', 'throw', 1],
    ['called process.exit', 'exit', 3],
    ['ended without closing them', 'end', 0],
  ] as const)('are gone when it %s', async ([_what, how, code], context) => {
    needs('redis', context);
    const { exited, ready } = testProcess(how, ['redis']);
    await ready();
    expect(await exited).toEqual([code, null]);
    await nothingIsLeft();
  });
});

describe('after SIGKILL of a test process nothing is left of', () => {
  it.for(SERVER_NAMES)('%s', async (name, context) => {
    needs(name, context);
    const { child, exited, ready } = testProcess('wait', [name]);
    await ready();
    child.kill('SIGKILL');
    await exited;
    await nothingIsLeft();
  });

  // Not those that are made of others here, nor OpenSearch, whose jars lie where only who fetched them may read.
  const composed = /-(cluster|sentinel|standby|replica)$|^pgbouncer$|^opensearch$/;
  it.for(SERVER_NAMES.filter((name) => !composed.test(name)))('%s as a normal user', async (name, context) => {
    needs(name, context);
    context.skip(process.getuid?.() !== 0, 'only root can become another user');
    context.skip(
      ![program, process.execPath].every(isOpenToAll),
      'this clone is in a folder that only its owner may enter',
    );
    chmodSync(temp, 0o1777);
    const { child, exited, ready } = testProcess('wait', [name], { uid: 65_534, gid: 65_534 });
    await ready();
    child.kill('SIGKILL');
    await exited;
    await nothingIsLeft();
  });

  it.for([
    ['its folder', (folder: string) => folder],
    ['its log', (folder: string) => join(folder, 'server.log')],
    ['its half-made data', (folder: string) => join(folder, 'data', 'global')],
    ['its lock file', (folder: string) => join(folder, 'data', 'postmaster.pid')],
  ] as const)('postgres when only %s was there', async ([_what, path], context) => {
    needs('postgres', context);
    const { child, exited } = testProcess('wait', ['postgres']);
    const appeared = (): boolean => readdirSync(temp).some((folder) => existsSync(path(join(temp, folder))));
    await expect.poll(appeared, { ...patient, interval: 1 }).toBe(true);
    child.kill('SIGKILL');
    await exited;
    await nothingIsLeft();
  });
});

/** Whether a normal user may read a file, and enter all the folders above it. */
function isOpenToAll(file: string): boolean {
  if ((statSync(file).mode & 0o004) === 0) return false;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
