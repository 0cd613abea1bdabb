import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { SERVER_NAMES, type ServerName, whyMissing } from '../../src/index.ts';

const program = fileURLToPath(new URL('../programs/use-servers.ts', import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Servers given by URL are nobody's to clean up: these tests are about the others. */
const withoutUrls = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(ENT_TEST_.*_URL|NODE_OPTIONS)$/.test(name)),
);

/** Starts a process that starts servers, and waits until they are up. */
async function run(how: 'wait' | 'throw' | 'exit' | 'end', names: readonly ServerName[]) {
  const child = spawn(process.execPath, ['--conditions=@ent/source', program, how, ...names], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: withoutUrls,
  });
  children.push(child);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const ports = JSON.parse(line) as number[];
  expect(ports).toHaveLength(names.length);
  return { child, ports, exited };
}

async function nothingLeft(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    await expect.poll(() => existsSync(join(tmpdir(), `ent-testkit-${port}`)), { timeout: 20_000 }).toBe(false);
    expect(await listens(port)).toBe(false);
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.unref();
  });
}

describe('servers of a test process that', () => {
  const installed = SERVER_NAMES.filter((name) => whyMissing(name) === undefined);

  // Redis stands for all where the way the process ends is what differs.
  it.runIf(installed.includes('redis')).each(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'got %s are gone, and so are their folders',
    async (signal) => {
      const { child, ports, exited } = await run('wait', ['redis']);
      expect(await listens(ports[0] as number)).toBe(true);
      child.kill(signal);
      await exited;
      await nothingLeft(ports);
    },
  );

  it.runIf(installed.includes('redis')).each([
    ['threw', 'throw', 1],
    ['called process.exit', 'exit', 3],
    ['ended without closing them', 'end', 0],
  ] as const)('%s are gone, and so are their folders', async (_what, how, code) => {
    const { ports, exited } = await run(how, ['redis']);
    expect(await exited).toEqual([code, null]);
    await nothingLeft(ports);
  });

  it.runIf(installed.length > 0).each(installed)('was killed leave nothing: %s', async (name) => {
    const { child, ports, exited } = await run('wait', [name]);
    child.kill('SIGKILL');
    await exited;
    await nothingLeft(ports);
  });
});
