import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { makeTree, pathWithPnpm, repository } from './support/tree.ts';

/** A service that says what it is told, and ends half a second after the first signal. */
const SERVICE = `
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    console.log('got ' + signal);
    setTimeout(() => process.exit(7), 500);
  });
}
setInterval(() => {}, 1000);
console.log('up ' + process.pid + ' ' + JSON.stringify(process.argv.slice(2)));
`;

/** A repository with nothing in it but the bootstrap, and a service as its example. */
function makeRepository(service = SERVICE): string {
  const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as Record<string, unknown>;
  const root = makeTree({
    'package.json': { ...manifest, devDependencies: {} },
    'pnpm-workspace.yaml': 'packages: []\npmOnFail: ignore\nverifyDepsBeforeRun: false\n',
    'pnpm-lock.yaml': "lockfileVersion: '9.0'\n\nimporters:\n\n  .: {}\n",
    'examples/user-service/src/main.ts': service,
  });
  mkdirSync(join(root, 'scripts'));
  for (const file of ['scripts/bootstrap.mjs', 'scripts/follow-parent.mjs', '.node-version']) {
    copyFileSync(join(repository, file), join(root, file));
  }
  return root;
}

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  /** Resolves once the output has this. */
  until(text: string | RegExp): Promise<void>;
}

/** Starts a command in a process group of its own, as a shell with job control does. */
function start(root: string, command: readonly [string, ...string[]], env: NodeJS.ProcessEnv = {}): Run {
  const [program, ...args] = command;
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_|^NODE_ENV$|^VITEST/i.test(key)),
  );
  const child = spawn(program, args, {
    cwd: root,
    env: { ...clean, PATH: pathWithPnpm(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  onTestFinished(() => {
    const service = /up (\d+)/.exec(output)?.[1];
    for (const pid of [-(child.pid as number), Number(service ?? Number.NaN)]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {}
    }
  });
  return {
    child,
    output: () => output,
    ended: once(child, 'close') as Run['ended'],
    until: (text) => vi.waitFor(() => expect(output).toMatch(text), { timeout: 100_000, interval: 20 }),
  };
}

const bootstrap = ['node', 'scripts/bootstrap.mjs', 'start'] as const;

describe('bootstrap', () => {
  it('installs once, passes arguments on, and keeps the exit code', async () => {
    const root = makeRepository("console.log('args', JSON.stringify(process.argv.slice(2)));\nprocess.exit(9);\n");
    const first = start(root, ['npm', 'start', '--', '--port', '0']);
    expect(await first.ended).toEqual([9, null]);
    expect(first.output()).toContain('ent: installing the dependencies with pnpm');
    expect(first.output()).toContain('args ["--port","0"]');

    const second = start(root, bootstrap);
    expect(await second.ended).toEqual([9, null]);
    expect(second.output()).not.toContain('installing');
    expect(second.output()).toContain('ent: node --conditions=@ent/source examples/user-service/src/main.ts');

    // A manifest that changed is a reason to install again.
    mkdirSync(join(root, 'packages/new'), { recursive: true });
    writeFileSync(join(root, 'packages/new/package.json'), '{"name":"new"}');
    const third = start(root, bootstrap);
    await third.ended;
    expect(third.output()).toContain('installing');
  });

  it.each([
    ['SIGTERM', 'to npm alone', false],
    ['SIGTERM', 'to the whole process group', true],
    ['SIGINT', 'to the whole process group, as Ctrl-C', true],
  ] as const)('hands %s %s to the service once, and waits for its end', async (signal, _to, group) => {
    const { child, output, ended, until } = start(makeRepository(), ['npm', 'start']);
    await until(/up \d+/);
    const pid = child.pid as number;
    process.kill(group ? -pid : pid, signal);
    expect(await ended).toEqual([7, null]);
    expect(output().match(/got SIG\w+/g)).toEqual([`got ${signal}`]);
  });

  it('stops the service when it is killed itself', async () => {
    const { child, ended, until } = start(makeRepository(), bootstrap);
    await until(/up \d+/);
    child.kill('SIGKILL');
    await ended;
    await until('got SIGTERM');
  });

  it('stops the service when npm is killed', async () => {
    const { child, ended, until } = start(makeRepository(), ['npm', 'start']);
    await until(/up \d+/);
    child.kill('SIGKILL');
    await ended;
    await until('got SIGTERM');
  });

  it('lets several runs at once install one after the other', async () => {
    const root = makeRepository('process.exit(0);\n');
    const runs = Array.from({ length: 4 }, () => start(root, bootstrap));
    expect(await Promise.all(runs.map(({ ended }) => ended))).toEqual(runs.map(() => [0, null]));
    expect(runs.filter(({ output }) => output().includes('installing the dependencies'))).toHaveLength(1);
    expect(existsSync(join(root, '.toolchain/install.lock'))).toBe(false);
  });

  it('takes over the lock of a run that is gone', async () => {
    const root = makeRepository('process.exit(0);\n');
    const gone = spawn('true');
    await once(gone, 'exit');
    mkdirSync(join(root, '.toolchain'));
    writeFileSync(join(root, '.toolchain/install.lock'), String(gone.pid));
    expect(await start(root, bootstrap).ended).toEqual([0, null]);
  });

  it('says what failed and what to do when the registry cannot be reached, and leaves nothing half-done', async () => {
    const root = makeRepository();
    // A machine with Node and npm only.
    const bin = join(root, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    const { output, ended } = start(root, [process.execPath, 'scripts/bootstrap.mjs', 'start'], {
      PATH: [bin, ...npmFolders(), '/usr/bin', '/bin'].join(':'),
      npm_config_registry: 'http://127.0.0.1:9/',
      npm_config_fetch_retries: '0',
      npm_config_cache: join(root, 'cache'),
    });
    expect(await ended).toEqual([1, null]);
    expect(output()).toMatch(/ent: npm install pnpm@\S+ failed \(exit 1\):[^]*ECONNREFUSED/);
    expect(output()).toContain('The registry cannot be reached: check the network');
    expect(readdirSync(join(root, '.toolchain'))).toEqual([]);
  });

  it('names the command for a lockfile that does not fit', async () => {
    const root = makeRepository();
    writeFileSync(join(root, 'pnpm-workspace.yaml'), 'packages: [packages/*]\npmOnFail: ignore\n');
    mkdirSync(join(root, 'packages/a'), { recursive: true });
    writeFileSync(join(root, 'packages/a/package.json'), '{"name":"a","dependencies":{"left-pad":"1.3.0"}}');
    const { output, ended } = start(root, bootstrap);
    expect(await ended).toEqual([1, null]);
    expect(output()).toContain('run `npm run pnpm -- install`');
  });

  it('knows its commands', async () => {
    const { output, ended } = start(makeRepository(), ['node', 'scripts/bootstrap.mjs', 'deploy']);
    expect(await ended).toEqual([1, null]);
    expect(output()).toContain('there is no command "deploy"; there are start, test, build');
  });
});

/** Folders of the PATH with npm and without pnpm; npm may stand beside Node. */
function npmFolders(): string[] {
  return [...(process.env['PATH'] ?? '').split(':'), dirname(process.execPath)].filter(
    (folder) =>
      existsSync(join(folder, 'npm')) && statSync(join(folder, 'npm')).isFile() && !existsSync(join(folder, 'pnpm')),
  );
}
