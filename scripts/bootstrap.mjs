// What the scripts of package.json run: `npm start`, `npm test`, `npm run check`, on a machine that has Node 18 or
// later and npm, and nothing else. It finds or fetches the right Node and pnpm, installs what changed, and then runs
// the real command. Plain JavaScript, no dependency: it runs before there is anything else.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const toolchain = join(root, '.toolchain');
const { platform, arch } = process;
const manifest = JSON.parse(read('package.json'));

/** `node`: arguments of Node. `pnpm`: arguments of pnpm. `needsPnpm`: what runs calls pnpm itself. */
const COMMANDS = {
  start: { node: ['--conditions=@ent/source', 'examples/user-service/src/main.ts'] },
  test: { node: ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.workspace.ts'] },
  build: { pnpm: ['-r', '--workspace-concurrency=2', '--reporter=append-only', 'run', 'build'], needsPnpm: true },
  lint: { node: ['scripts/check.ts', 'lint', 'format'] },
  typecheck: { node: ['scripts/check.ts', 'types'] },
  format: { node: ['node_modules/@biomejs/biome/bin/biome', 'format', '--write'], defaults: ['.'] },
  check: { node: ['scripts/check.ts'], needsPnpm: true },
  bench: { node: ['scripts/bench.ts'] },
  docs: { node: ['scripts/docs.ts'], needsPnpm: true },
  rehearse: { node: ['scripts/rehearse.ts'], needsPnpm: true },
  soak: { node: ['scripts/soak.ts'] },
  demo: { node: ['--conditions=@ent/source', 'scripts/demo.ts'] },
  matrix: { node: ['--conditions=@ent/source', 'scripts/matrix.ts'] },
  migrate: { node: ['--conditions=@ent/source', 'examples/user-service/src/migrate.ts'] },
  changeset: { node: ['node_modules/@changesets/cli/bin.js'], needsPnpm: true },
  pnpm: { pnpm: [], needsPnpm: true, skipInstall: true },
};

/**
 * Where signals go while the real command runs. Before that, they end what is
 * being installed. (SIGHUP is left to `nohup`.)
 */
let forward;
const cleanups = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    if (forward) return forward(signal);
    for (const cleanup of cleanups) cleanup();
    process.exit(128 + constants.signals[signal]);
  });
}

async function main() {
  const [name = '', ...args] = process.argv.slice(2);
  const command = COMMANDS[name];
  if (!command) throw new Problem(`there is no command "${name}"; there are ${Object.keys(COMMANDS).join(', ')}`);
  const node = await findNode();
  const path = [dirname(node.path), join(root, 'node_modules', '.bin'), process.env.PATH ?? ''];
  const wanted = wantedInstall();
  const stale = !command.skipInstall && !isInstalled(wanted);
  let pnpm;
  if (stale || command.needsPnpm) {
    pnpm = await findPnpm();
    path.unshift(dirname(pnpm));
  }
  const env = { ...process.env, PATH: path.join(delimiter) };
  if (stale) await install(pnpm, wanted, env);
  const argv = [...(command.node ?? command.pnpm), ...(args.length > 0 ? args : (command.defaults ?? []))];
  if (command.node) say(`node ${argv.join(' ')} (Node ${node.version})`);
  await run(command.node ? node.path : pnpm, argv, env, command.node !== undefined);
}

// --- Node
// ---------------------------------------------------------------------------------------------------------------

/**
 * The Node that runs this if it is in the range of `engines`; else one that was fetched before; else one fetched now.
 */
async function findNode() {
  const range = manifest.engines.node;
  if (satisfies(process.versions.node, range)) return { path: process.execPath, version: process.versions.node };
  for (const name of list(toolchain)) {
    const [, version, host] = /^node-([\d.]+)-(.*)$/.exec(name) ?? [];
    const path = host === `${platform}-${arch}` && satisfies(version, range) && nodeIn(join(toolchain, name));
    if (path) return { path, version };
  }
  const version = read('.node-version').trim();
  // The packages that https://www.npmjs.com/package/node would install from its install script.
  const spec = `node-${platform === 'darwin' && arch === 'arm64' ? 'bin-' : ''}${platform}-${arch}@${version}`;
  say(
    `this is Node ${process.versions.node}, and ${range} is needed: fetching Node ${version} into .toolchain/ (once)`,
  );
  try {
    const folder = await fetchPackage(spec, `node-${version}-${platform}-${arch}`, (at) => {
      const found = spawnSync(nodeIn(at) ?? spec, ['--version'], { encoding: 'utf8' });
      if (found.stdout?.trim() === `v${version}`) return;
      throw new Problem(`${spec} does not run on this system: ${found.error?.message ?? found.stderr.trim()}`);
    });
    return { path: nodeIn(folder), version };
  } catch (error) {
    if (error instanceof Problem) error.message += `\nOr install a Node of ${range} yourself: https://nodejs.org`;
    throw error;
  }
}

function nodeIn(folder) {
  const modules = join(folder, 'node_modules');
  return list(modules)
    .map((name) => join(modules, name, 'bin', 'node'))
    .find((path) => fs.existsSync(path));
}

/** Whether a version is in a range of the forms `^1.2 || >=3`, which is what `engines` has. */
function satisfies(version, range) {
  const has = version.split('.').map(Number);
  return range.split('||').some((part) => {
    const [, operator, text] =
      /^\s*(\^|>=)(\d+(?:\.\d+)*)\s*$/.exec(part) ?? fail(`cannot read engines.node: ${range}`);
    const least = text.split('.').map(Number);
    const differs = least.findIndex((number, i) => number !== has[i]);
    const atLeast = differs === -1 || has[differs] > least[differs];
    return atLeast && (operator === '>=' || has[0] === least[0]);
  });
}

// --- pnpm
// ---------------------------------------------------------------------------------------------------------------

/** Exactly the pnpm of `packageManager`: the one at hand, one that was fetched before, or one fetched now. */
async function findPnpm() {
  const version = manifest.packageManager.replace(/^pnpm@|\+.*$/g, '');
  const folder = join(toolchain, `pnpm-${version}-${platform}-${arch}`);
  const fetched = pnpmIn(folder);
  if (fetched) return fetched;
  const atHand = pnpmOnPath(version);
  if (atHand) return alone(atHand);
  say(`fetching pnpm ${version} into .toolchain/ (once)`);
  await fetchPackage(`pnpm@${version}`, basename(folder), (at) => {
    if (!pnpmIn(at)) throw new Problem(`pnpm ${version} has no build that runs on this system (${platform}-${arch}).`);
  });
  return pnpmIn(folder);
}

/** pnpm's native binary: its optional dependency for this platform, whose install script only links it. */
function pnpmIn(folder) {
  const scope = join(folder, 'node_modules', '@pnpm');
  return list(scope)
    .filter((name) => name.startsWith('exe.'))
    .map((name) => join(scope, name, 'pnpm'))
    .find((path) => spawnSync(path, ['--version'], { cwd: tmpdir() }).status === 0);
}

/**
 * A pnpm of exactly this version on the PATH. It is asked elsewhere: in here
 * it would fetch the version that we want itself.
 */
function pnpmOnPath(version) {
  const env = { ...process.env, COREPACK_ENABLE_NETWORK: '0' };
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'pnpm');
    if (!folder || !fs.existsSync(path)) continue;
    const { stdout } = spawnSync(path, ['--version'], { cwd: tmpdir(), env, encoding: 'utf8', timeout: 10_000 });
    if (stdout?.trim() === version) return path;
  }
  return undefined;
}

/**
 * That pnpm in a folder of its own: what else is in its folder, perhaps another Node, must not come first on the PATH.
 */
function alone(pnpm) {
  const folder = join(toolchain, 'pnpm-at-hand');
  fs.mkdirSync(folder, { recursive: true });
  const temporary = join(folder, `.${process.pid}`);
  fs.writeFileSync(temporary, `#!/bin/sh\nexec '${pnpm.replaceAll("'", "'\\''")}' "$@"\n`, { mode: 0o755 });
  fs.renameSync(temporary, join(folder, 'pnpm'));
  return join(folder, 'pnpm');
}

/**
 * Installs one package from npm into `.toolchain/<name>`, which appears
 * whole or not at all, however many do it at once.
 */
async function fetchPackage(spec, name, verify) {
  const target = join(toolchain, name);
  fs.mkdirSync(toolchain, { recursive: true });
  const temporary = fs.mkdtempSync(join(toolchain, '.tmp-'));
  const remove = () => fs.rmSync(temporary, { recursive: true, force: true });
  cleanups.add(remove);
  try {
    fs.writeFileSync(join(temporary, 'package.json'), '{"private":true}\n');
    const flags = [
      '--ignore-scripts',
      '--include=optional',
      '--no-audit',
      '--no-fund',
      '--no-package-lock',
      '--loglevel=error',
    ];
    const [npm, ...first] = npmCommand();
    await step(npm, [...first, 'install', '--prefix', temporary, ...flags, spec], {
      what: `npm install ${spec}`,
      cwd: temporary,
    });
    verify(temporary);
    fs.chmodSync(temporary, 0o755); // a temporary folder is its owner's alone; tests run programs as other users
    try {
      fs.renameSync(temporary, target);
    } catch (error) {
      // Another run was faster, and its folder is as good.
      if (!fs.existsSync(target)) throw error;
      verify(target);
    }
    return target;
  } finally {
    remove();
    cleanups.delete(remove);
  }
}

/** The npm that started this, else the one beside this Node, else the one on the PATH. */
function npmCommand() {
  const candidates = [
    process.env.npm_execpath ?? '',
    join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ];
  const cli = candidates.find((path) => basename(path) === 'npm-cli.js' && fs.existsSync(path));
  return cli ? [process.execPath, cli] : ['npm'];
}

// --- dependencies
// -------------------------------------------------------------------------------------------------------

/** What decides about the content of node_modules, as one hash. */
function wantedInstall() {
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', '.npmrc'];
  for (const group of ['packages', 'examples']) {
    for (const name of list(join(root, group)).sort()) files.push(`${group}/${name}/package.json`);
  }
  const hash = createHash('sha256').update(`${platform} ${arch}`);
  for (const file of files) {
    if (fs.existsSync(join(root, file))) hash.update(`\0${file}\0`).update(read(file));
  }
  return hash.digest('hex');
}

const stamp = join(root, 'node_modules', '.ent-installed');

function isInstalled(wanted) {
  return fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted;
}

async function install(pnpm, wanted, env) {
  fs.mkdirSync(toolchain, { recursive: true });
  const unlock = await lock(join(toolchain, 'install.lock'));
  try {
    // Someone else may have done it while we waited.
    if (isInstalled(wanted)) return;
    say('installing the dependencies with pnpm (only when they changed)');
    const { NODE_ENV: _, ...clean } = env; // "production" would leave out what tests and types need
    await step(pnpm, ['install', '--frozen-lockfile', '--reporter=append-only', '--config.confirmModulesPurge=false'], {
      what: 'pnpm install --frozen-lockfile',
      cwd: root,
      env: clean,
    });
    fs.writeFileSync(stamp, wanted);
  } finally {
    unlock();
  }
}

/** One install at a time. A lock whose process is gone, or that nobody has touched for a minute, is taken over. */
async function lock(file) {
  for (let waited = false; ; ) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readOr(file, '');
    if (isStale(file, holder)) {
      // Renaming tells who takes it over: it succeeds once.
      const taken = `${file}.${process.pid}`;
      try {
        fs.renameSync(file, taken);
        fs.rmSync(taken);
      } catch {}
      continue;
    }
    if (!waited) say(`waiting for another run (process ${holder}), which is installing`);
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const beat = setInterval(() => {
    try {
      fs.utimesSync(file, new Date(), new Date());
    } catch {} // taken over, after this process was paused for long
  }, 5000);
  const unlock = () => {
    clearInterval(beat);
    fs.rmSync(file, { force: true });
    cleanups.delete(unlock);
  };
  cleanups.add(unlock);
  return unlock;
}

function isStale(file, holder) {
  try {
    if (Date.now() - fs.statSync(file).mtimeMs > 60_000) return true;
    if (holder !== '') process.kill(Number(holder), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

// --- running
// ------------------------------------------------------------------------------------------------------------

/** Runs a step of the preparation: quiet when it goes well; when it fails, the end of its output and what to do. */
async function step(program, args, { what, cwd, env = process.env }) {
  const began = Date.now();
  // What npm tells its scripts about the project would point an npm that we start at the project again.
  const clean = Object.fromEntries(
    Object.entries(env).filter(([key]) => !/^npm_(config_local_prefix|package_|lifecycle_)/.test(key)),
  );
  const child = spawn(program, args, { cwd, env: clean, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => child.kill();
  cleanups.add(kill);
  let output = '';
  const keep = (text) => {
    output = (output + text).slice(-20_000);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  const alive = setInterval(() => {
    const last = output.trimEnd().split('\n').at(-1).slice(0, 80);
    say(`  still at it: ${what}, ${Math.round((Date.now() - began) / 1000)} s${last && ` (${last})`}`);
  }, 10_000);
  const [code, error] = await new Promise((resolve) => {
    child.on('error', (reason) => resolve([-1, reason]));
    child.on('close', (status, signal) => resolve([status ?? signal]));
  });
  clearInterval(alive);
  cleanups.delete(kill);
  if (code === 0) return say(`  done in ${((Date.now() - began) / 1000).toFixed(1)} s`);
  const tail = (error?.message ?? output.trimEnd()).split('\n').slice(-25).join('\n');
  throw new Problem(`${what} failed (${error ? error.code : `exit ${code}`}):\n\n${tail}\n\n${advice(tail, error)}`);
}

/** What to do about a failed install, by what the output says. */
function advice(output, error) {
  const known = [
    [
      /ENOENT/,
      error && 'That program is not installed: install Node.js with npm from https://nodejs.org, and try again.',
    ],
    [
      /ENOSPC|EDQUOT|os error 28/,
      'The disk is full: free about 1.5 GB where this repository and the caches of npm and pnpm are.',
    ],
    [
      /EACCES|EPERM|EROFS|os error 13|os error 30/,
      'A folder cannot be written: see the path above; this repository and the caches of npm and pnpm must belong to you.',
    ],
    [
      /OUTDATED_LOCKFILE|NO_IMPORTER|Regenerate the lockfile/,
      'pnpm-lock.yaml does not fit the package.json files: after a change of dependencies, run `npm run pnpm -- install`.',
    ],
    [
      /CERT|SELF_SIGNED|certificate/i,
      'The certificate of the registry is not trusted, often a company proxy: set NODE_EXTRA_CA_CERTS, and `cafile` in ~/.npmrc.',
    ],
    [
      /E401|E403|ERR_PNPM_FETCH_40[13]/,
      'The registry refused: check the credentials for it in ~/.npmrc (`npm config get registry`).',
    ],
    [
      /E404|ETARGET|ERR_PNPM_FETCH_404|NO_MATCHING_VERSION/,
      'The registry does not have that version: check which one is set (`npm config get registry`).',
    ],
    [
      /ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET|network|timed? ?out|error sending request/i,
      'The registry cannot be reached: check the network, `npm config get registry`, and behind a proxy HTTPS_PROXY and NO_PROXY.',
    ],
  ];
  const line = known.find(([pattern, text]) => text && pattern.test(output))?.[1];
  return `${line ?? 'See the output above.'}\nThen run the same command again: what was fetched so far is kept.`;
}

/**
 * Runs the real command and ends as it ends.
 *
 * It gets a session of its own, and each signal once, from here: a terminal (or `timeout`) signals npm, this process
 * and the command at the same time, and npm passes on what it gets, so it would be told to stop two or three times; and
 * a service takes the second time for "at once".
 */
async function run(program, args, env, isNode) {
  const follow = pathToFileURL(join(root, 'scripts', 'follow-parent.mjs')).href;
  const child = spawn(program, isNode ? ['--import', follow, ...args] : args, {
    cwd: root,
    env: isNode ? { ...env, ENT_FOLLOW: String(process.pid) } : env,
    stdio: ['inherit', 'inherit', 'inherit', ...(isNode ? ['pipe'] : [])],
    detached: isNode,
  });
  // To its whole group, as a terminal does.
  forward = once((signal) => signalGroup(child, signal));
  // npm or pnpm killed without a chance to pass it on: nobody is left who could stop the command.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event) setInterval(() => process.ppid !== parent && forward('SIGTERM'), 1000).unref();
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Problem(`cannot run ${program}: ${error.message}`)));
    child.on('exit', (...ending) => resolve(ending));
  });
  if (signal === null) process.exit(code);
  // Die as it died, so that npm sees the same.
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  setTimeout(() => process.exit(128 + constants.signals[signal]), 200);
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal); // it leads no group, or has just ended
  }
}

/**
 * Lets a signal through once in two seconds, so that copies of it are dropped; a later, deliberate Ctrl-C means "now".
 */
function once(send) {
  const last = {};
  return (signal) => {
    const now = Date.now();
    if (now - (last[signal] ?? 0) < 2000) return;
    last[signal] = now;
    send(signal);
  };
}

// --- small things
// -------------------------------------------------------------------------------------------------------

class Problem extends Error {}

function fail(message) {
  throw new Problem(message);
}

function say(text) {
  // stdout belongs to the command.
  console.error(`ent: ${text}`);
}

function read(file) {
  return fs.readFileSync(join(root, file), 'utf8');
}

function readOr(path, otherwise) {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

function list(folder) {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

main().catch((error) => {
  // What the file system refuses has a path, and a remedy.
  if (!(error instanceof Problem) && !error.path) throw error;
  const more = error instanceof Problem ? '' : `\n${advice(error.message)}`;
  console.error(`\nent: ${error.message}${more}`);
  process.exitCode = 1;
});
