// The Dockerfile of the examples works, where no container engine is: each of its steps is done in an empty folder,
// with the files that .dockerignore lets through. Then what was built runs with the user, the environment and the
// command of its image: it can write nothing but its volumes, answers its health check, and stops on SIGTERM; and the
// jobs of Kubernetes that run the same image come to their end.
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isRequired } from '../packages/testkit/src/environment.ts';
import { startServer, whyMissing } from '../packages/testkit/src/index.ts';
import { readDockerfile, type Stage } from './lib/dockerfile.ts';
import { type Finding, main } from './lib/findings.ts';
import { becomeUser, type Built, buildStages, strayLinks } from './lib/image.ts';
import { run, withTemporaryFolder } from './lib/run.ts';
import { readPackages } from './lib/workspace.ts';

const FILE = 'examples/Dockerfile';
const JOBS = 'infrastructure/k8s/base/migrate.yaml';

interface Job {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: { image: string; command: string[] }[] } };
  };
}

/** What only a build needs. */
const TOOLS = ['typescript', 'tsup', 'esbuild', 'vitest'];

/** Images that keep nothing. */
const WITHOUT_DATABASE: ReadonlySet<string> = new Set(['gateway-service']);

/** What an image has to say, whatever it holds. */
function faultsOf({ image, user, command, probe }: Stage, nodeVersion: string): string[] {
  const faults: string[] = [];
  if (!image.startsWith(`node:${nodeVersion}-`)) faults.push(`its base is ${image}; .node-version says ${nodeVersion}`);
  if (!/^[1-9]\d*:[1-9]\d*$/.test(user ?? '')) faults.push('USER has to be numbers, and not those of root');
  if (command?.[0] !== 'node') faults.push('ENTRYPOINT and CMD have to be a list that begins with "node"');
  if (probe === undefined) faults.push('HEALTHCHECK has to be CMD and a list');
  return faults;
}

/** Settings that an image cannot have: secrets, and addresses of others. */
async function settingsOf(name: string): Promise<{ env: Record<string, string>; close(): Promise<void> } | string> {
  if (name === 'order-service' || name === 'gateway-service') return { env: {}, close: async () => {} };
  if (name !== 'user-events') {
    const { privateKey } = generateKeyPairSync('ed25519');
    const JWT_PRIVATE_KEY = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    return { env: { JWT_PRIVATE_KEY }, close: async () => {} };
  }
  const missing = whyMissing('redis');
  if (missing !== undefined && !isRequired('redis')) return missing;
  const redis = await startServer('redis');
  return { env: { BROKER_URL: redis.url }, close: () => redis.close() };
}

/** What Kubernetes runs of an image beside its service, and what then has to come to an end. */
function jobsOf(name: string): string[][] {
  const jobs = parseAllDocuments(readFileSync(join(import.meta.dirname, '..', JOBS), 'utf8'));
  return jobs
    .flatMap((each) => (each.toJS() as Job).spec.template.spec.containers)
    .filter(({ image }) => image === `ent/${name}`)
    .map(({ command }) => command);
}

/** Starts what was built and ends it again; answers what went wrong. */
async function tryOut(image: Built, more: Record<string, string>): Promise<string[]> {
  const { stage, root, cwd } = image;
  const user = becomeUser(image);
  const bin = join(root, 'usr/local/bin');
  mkdirSync(bin, { recursive: true });
  // Another user may not be let to where ours is.
  copyFileSync(process.execPath, join(bin, 'node'));
  const env = { PATH: `${bin}:/usr/bin:/bin`, ...stage.env, ...more, PORT: '0' };
  const [program = 'node', ...args] = stage.command ?? [];
  const service = spawn(join(bin, program), args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], ...user });
  let said = '';
  const ended = once(service, 'exit') as Promise<[number | null, string | null]>;
  try {
    const port = await new Promise<string>((resolve, reject) => {
      const hear = (chunk: Buffer): void => {
        said += String(chunk);
        const [, found] = /http:\/\/[^\s"]+:(\d+)/.exec(said) ?? [];
        if (found !== undefined) resolve(found);
      };
      service.stdout.on('data', hear);
      service.stderr.on('data', hear);
      void ended.then(([code]) => reject(new Error(`it ended with ${code} before it listened:\n${said}`)), reject);
    });
    const probe = async (): Promise<boolean> => {
      const [, ...words] = stage.probe ?? [];
      return (await run(join(bin, 'node'), words, { cwd, env: { ...env, PORT: port }, user })).code === 0;
    };
    const before = Date.now();
    while (!(await probe())) {
      if (Date.now() - before > 60_000) throw new Error(`its health check fails for a minute:\n${said}`);
    }
    service.kill('SIGTERM');
    const [code, signal] = await ended;
    const faults = code === 0 ? [] : [`SIGTERM ended it with ${code ?? signal}, and not with 0:\n${said}`];
    // The database is there, so it could write where it may.
    for (const volume of WITHOUT_DATABASE.has(stage.name) ? [] : stage.volumes) {
      if (readdirSync(join(root, volume)).length === 0) faults.push(`nothing was written to the volume ${volume}`);
    }
    for (const [first = '', ...words] of jobsOf(stage.name)) {
      const job = await run(join(bin, first), words, { cwd, env, user });
      if (job.code !== 0) faults.push(`the job "${first} ${words.join(' ')}" ended with ${job.code}:\n${job.output}`);
    }
    return (await probe()) ? [...faults, 'its health check passes although nothing runs'] : faults;
  } finally {
    service.kill('SIGKILL');
  }
}

async function checkImage(image: Built): Promise<string[]> {
  const { name } = image.stage;
  const links = strayLinks(image.root).map((path) => `the link ${path} leads out of the image`);
  const tools = TOOLS.filter((tool) => existsSync(join(image.cwd, 'node_modules/.pnpm/node_modules', tool)));
  const found = [...links, ...tools.map((tool) => `${tool} is in the image, which needs it for its build alone`)];
  const settings = await settingsOf(name);
  if (typeof settings === 'string') {
    console.log(`skipped: a start of ${name}: ${settings}`);
    return found;
  }
  try {
    return [...found, ...(await tryOut(image, settings.env))];
  } finally {
    await settings.close();
  }
}

async function checkImages(root: string): Promise<Finding[]> {
  const stages = readDockerfile(join(root, FILE));
  const nodeVersion = readFileSync(join(root, '.node-version'), 'utf8').trim();
  // What is a service starts; the others are programs to read.
  const services = readPackages(root, 'examples').filter(({ manifest }) => manifest.scripts?.['start'] !== undefined);
  const names = services.map(({ name }) => name);
  const images = stages.filter(({ name }) => names.includes(name));
  const findings: Finding[] = [
    ...names
      .filter((name) => !images.some((image) => image.name === name))
      .map((name) => ({ file: FILE, problem: `there is no target ${name}` })),
    ...images.flatMap((image) =>
      faultsOf(image, nodeVersion).map((problem) => ({ file: FILE, problem: `${image.name}: ${problem}` })),
    ),
  ];
  if (findings.length > 0) return findings;
  return withTemporaryFolder(async (folder) => {
    const built = await buildStages(root, stages, folder, (text) => console.log(text));
    const isImage = ({ stage }: Built): boolean => images.includes(stage);
    // What an image needs of the other stages is in it, or it will miss it.
    for (const other of built.filter((each) => !isImage(each))) rmSync(other.root, { recursive: true });
    for (const image of built.filter(isImage)) {
      const problems = await checkImage(image).catch((error: unknown) => [(error as Error).message]);
      findings.push(...problems.map((problem) => ({ file: FILE, problem: `${image.stage.name}: ${problem}` })));
    }
    return findings;
  });
}

if (import.meta.main) await main(checkImages);
