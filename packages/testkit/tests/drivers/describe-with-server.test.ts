import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { startServer } from '../../src/index.ts';
import { findProgram } from '../../src/programs.ts';
import { needs } from '../needs.ts';

const config = fileURLToPath(new URL('../programs/blocks/vitest.config.ts', import.meta.url));
const vitest = join(dirname(fileURLToPath(import.meta.resolve('vitest/package.json'))), 'vitest.mjs');
const memcached = findProgram('memcached');

interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Runs the fixture's tests; with `hide`, in a mount namespace where the memcached program cannot be executed. */
function run(settings: Record<string, string>, hide = false): Promise<Outcome> {
  const hidden = `mount --bind /dev/null ${memcached} && exec "$@"`;
  const command = [process.execPath, vitest, 'run', '--config', config];
  const [file, ...args] = hide ? ['unshare', '--mount', 'sh', '-c', hidden, 'sh', ...command] : command;
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    NO_COLOR: '1',
    ENT_TEST_REQUIRE: '',
    ENT_TEST_MEMCACHED_URL: '',
    ...settings,
  };
  return new Promise((resolve) => {
    execFile(file as string, args, { env, timeout: 200_000 }, (error, stdout, stderr) => {
      const totals = /^ *Tests .*$/m.exec(stdout)?.[0] ?? '';
      const count = (state: string): number => Number(new RegExp(`(\\d+) ${state}`).exec(totals)?.[1] ?? 0);
      resolve({
        code: error ? Number(error.code) : 0,
        output: stdout + stderr,
        passed: count('passed'),
        failed: count('failed'),
        skipped: count('skipped'),
      });
    });
  });
}

const advice = 'Memcached is not installed; run scripts/install-services.sh memcached';

describe('describeWithServer', () => {
  beforeEach((context) => needs('memcached', context));

  it('gives each block a server of its own', async () => {
    const outcome = await run({});
    expect(outcome, outcome.output).toMatchObject({ code: 0, passed: 4, failed: 0, skipped: 0 });
  });

  it('uses the server that is given by URL, and skips what would kill it', async () => {
    const server = await startServer('memcached', { args: ['-v'] });
    const outcome = await run({ ENT_TEST_MEMCACHED_URL: server.url });
    expect(outcome, outcome.output).toMatchObject({ code: 0, passed: 2, failed: 0, skipped: 2 });
    expect(outcome.output).toContain('memcached (skipped: a server given by URL cannot be killed) > kills another');
    await server.stop(); // it was still there
    const unreachable = await run({ ENT_TEST_MEMCACHED_URL: server.url });
    expect(unreachable).toMatchObject({ code: 1 });
    expect(unreachable.output).toContain('the server that ENT_TEST_MEMCACHED_URL names is there: not so after 5000 ms');
    await server.close();
  });

  it.each(['nonsense', 'memcached://127.0.0.1'])('refuses the URL %s', async (url) => {
    const outcome = await run({ ENT_TEST_MEMCACHED_URL: url });
    expect(outcome.code, outcome.output).toBe(1);
    expect(outcome.output).toMatch(/ENT_TEST_MEMCACHED_URL must (be a URL|name the port)/);
  });

  it('refuses an unknown name in ENT_TEST_REQUIRE', async () => {
    const outcome = await run({ ENT_TEST_REQUIRE: 'redis,memcache' });
    expect(outcome.code, outcome.output).toBe(1);
    expect(outcome.output).toContain('ENT_TEST_REQUIRE names "memcache"; it takes "all" or some of postgres, mariadb,');
  });
});

describe('describeWithServer where the program is missing', () => {
  beforeEach((context) => {
    needs('memcached', context); // for the other side of these tests: what is hidden must be there
    const canHide = process.getuid?.() === 0 && findProgram('unshare') !== undefined;
    context.skip(!canHide, 'only root on Linux can hide a program');
  });

  it.each([{}, { ENT_TEST_REQUIRE: 'redis,mysql' }])('skips the block by name and counts it (%o)', async (settings) => {
    const outcome = await run(settings, true);
    expect(outcome, outcome.output).toMatchObject({ code: 0, passed: 1, failed: 0, skipped: 3 });
    expect(outcome.output).toContain(`memcached (skipped: ${advice}) > reaches it`);
  });

  it.each(['all', 'redis, Memcached'])('fails with ENT_TEST_REQUIRE=%s', async (names) => {
    const outcome = await run({ ENT_TEST_REQUIRE: names }, true);
    expect(outcome.code, outcome.output).toBe(1);
    expect(outcome.output).toContain(`NotInstalledError: ${advice}`);
  });
});

describe('startServer', () => {
  it('refuses a name it does not know', async () => {
    await expect(startServer('mongo' as 'mongodb')).rejects.toThrow(
      '"mongo" is no server of the testkit; it has postgres',
    );
    await expect(startServer('constructor' as 'mongodb')).rejects.toThrow('"constructor" is no server');
  });

  it('shows the log of a server that does not start', async (context) => {
    needs('redis', context);
    await expect(startServer('redis', { args: ['--no-such-setting', '1'] })).rejects.toThrow(
      /Redis did not start: it ended at once \(exit code 1\)[^]*FATAL CONFIG FILE ERROR[^]*no-such-setting/,
    );
  });
});
