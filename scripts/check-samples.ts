// What a new user does with the tarballs works, in a folder that knows nothing of this repository:
// - scripts/samples/new-user.ts compiles with the oldest and the newest TypeScript that are supported, as `tsc --init`
//   sets them
// - scripts/samples/open.js, bundled with one library installed, runs where nothing is
// - scripts/samples/service.js says the same on Node.js, Bun and Deno
// - the examples of hosts that are for Bun and Deno answer there, and the cases of the host suite have the same outcome
//   there as on Node.js, but for those that packages/middleware/tests/programs/host-differences.ts lists
// - the route of examples/hosts that is for Next.js is compiled, bundled and served by it
// - services that `npm create @ent` writes compile and pass their tests, with each answer of each question
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eachAnswer, readCreate, tryServices } from './lib/created.ts';
import { type Finding, main } from './lib/findings.ts';
import { tryNextRoute } from './lib/next-route.ts';
import { type Installed, install as installTarballs, pack } from './lib/packed.ts';
import { run, withTemporaryFolder } from './lib/run.ts';
import { whileServing } from './lib/serving.ts';
import { installTools } from './lib/tools.ts';
import { type Manifest, publicPackages, readJson } from './lib/workspace.ts';

const BUNDLES = [
  'esbuild.cjs',
  'esbuild.mjs',
  'rollup.mjs',
  'rollup-one.mjs',
  'vite.mjs',
  'webpack.cjs',
  'webpack-empty.cjs',
  'docs.cjs',
];
const OPENED = [
  'kept',
  'cache.invalid_options redis: URLs need the package redis, which is not installed; run npm install redis.',
  'database.invalid_definition sqlite: URLs need the package kysely, which is not installed; run npm install kysely.',
];
const DOCUMENTED = [
  'http.invalid_options docs: the package "swagger-ui-dist" is not installed: npm install swagger-ui-dist, or leave its page out of "pages".',
];

interface Context {
  readonly root: string;
  /** A temporary one. */
  readonly dir: string;
  /** Installs all packages, and what an application has beside them, into a folder. */
  readonly install: (project: string, wanted: Installed) => Promise<void>;
  readonly tool: (path: string) => string;
}

async function checkSamples(root: string): Promise<Finding[]> {
  const tool = await installTools();
  return withTemporaryFolder(async (dir) => {
    const packed = await pack(root, dir, publicPackages(root));
    return rehearseSamples(root, dir, tool, (project, wanted) => installTarballs(project, packed, wanted));
  });
}

/** The same with packages that come from elsewhere. */
export async function rehearseSamples(
  root: string,
  dir: string,
  tool: Context['tool'],
  install: Context['install'],
): Promise<Finding[]> {
  const context = { root, dir, install, tool };
  // Two at a time, as there are processors.
  const [whole, bundled] = await Promise.all([inWholeProject(context), inBareProject(context)]);
  return [...whole, ...bundled, ...(await inNewServices(context))];
}

/** With all that any of them has: services of `npm create @ent`. */
async function inNewServices({ root, dir, install }: Context): Promise<Finding[]> {
  const project = join(dir, 'created');
  const folder = join(root, 'packages', 'create', 'node_modules');
  const own = Object.keys(readJson<Manifest>(join(folder, '..', 'package.json')).devDependencies ?? {});
  const more = Object.fromEntries(
    own.filter((name) => !name.startsWith('@ent/')).map((name) => [name, join(folder, name)]),
  );
  await install(project, { more });
  const create = await readCreate(root);
  const services = eachAnswer(create).map((answers) => ({ folder: join(project, answers['host']!), ...answers }));
  for (const service of services) await create.writeService(service);
  const problems = await tryServices(
    services.map((service) => service.folder),
    join(folder, 'typescript'),
  );
  const fix = 'look at packages/create/src/template';
  return problems.map((problem) => ({ file: 'packages/create', problem: problem.replace(`${project}/`, ''), fix }));
}

/** With all peers: TypeScript, and the runtimes. */
async function inWholeProject(context: Context): Promise<Finding[]> {
  const project = join(context.dir, 'whole');
  const linked = (name: string, from: string): string => join(context.root, from, 'node_modules', name);
  const more = { '@types/node': linked('@types/node', '.'), fastify: linked('fastify', 'packages/http') };
  // Without memcache-client, whose absence is told.
  const peers = ['lru-cache', 'kysely', 'better-sqlite3', 'redis', 'swagger-ui-dist', 'redoc', 'prom-client'];
  await context.install(project, { peers, more });
  return [
    ...(await compile(context, project)),
    ...(await runEverywhere(context, project)),
    ...(await serveElsewhere(context, project)),
    ...(await casesElsewhere(context)),
  ];
}

/** As TypeScript 7 and 5.4 write it with `tsc --init`; the older one without the module format of 2015. */
const COMPILERS = {
  'TypeScript 7': {
    tsc: (context: Context) => join(context.root, 'node_modules/typescript/bin/tsc'),
    settings: {
      module: 'nodenext',
      target: 'esnext',
      types: ['node'],
      declaration: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      strict: true,
      verbatimModuleSyntax: true,
      isolatedModules: true,
      noUncheckedSideEffectImports: true,
      moduleDetection: 'force',
      skipLibCheck: true,
    },
  },
  'TypeScript 5.4': {
    tsc: (context: Context) => context.tool('typescript-5-4/bin/tsc'),
    settings: {
      module: 'nodenext',
      target: 'es2016',
      esModuleInterop: true,
      forceConsistentCasingInFileNames: true,
      exactOptionalPropertyTypes: true,
      strict: true,
      skipLibCheck: true,
    },
  },
};

async function compile(context: Context, project: string): Promise<Finding[]> {
  const file = 'scripts/samples/new-user.ts';
  copyFileSync(join(context.root, file), join(project, 'new-user.ts'));
  const findings: Finding[] = [];
  for (const [name, { tsc, settings }] of Object.entries(COMPILERS)) {
    const config = join(project, 'tsconfig.json');
    writeFileSync(config, JSON.stringify({ compilerOptions: { ...settings, noEmit: true }, files: ['new-user.ts'] }));
    const { code, output } = await run(process.execPath, [tsc(context), '-p', config, '--pretty', 'false'], {
      cwd: project,
    });
    if (code === 0) continue;
    findings.push({ file, problem: `${name}: ${output.trim()}`, fix: 'what a new user writes must compile' });
  }
  return findings;
}

async function runEverywhere({ root, tool }: Context, project: string): Promise<Finding[]> {
  const file = 'scripts/samples/service.js';
  copyFileSync(join(root, file), join(project, 'service.js'));
  const say = async (program: string, ...args: string[]): Promise<string> => {
    const { output } = await run(program, [...args, 'service.js'], { cwd: project, timeoutMs: 60_000 });
    return output.trim();
  };
  const wanted = await say(process.execPath);
  const findings: Finding[] = [];
  if (/FAILED|Error/.test(wanted)) findings.push({ file, problem: wanted, fix: 'it runs on Node.js' });
  const runtimes = {
    Bun: await say(tool('.bin/bun')),
    Deno: await say(tool('.bin/deno'), 'run', '-A', '--no-lock', '--node-modules-dir=manual'),
  };
  for (const [name, got] of Object.entries(runtimes)) {
    if (got === wanted) continue;
    const problem = `${name} says something else:\n${got}\nNode.js says:\n${wanted}`;
    findings.push({ file, problem, fix: 'what the packages do is the same on each runtime' });
  }
  return findings;
}

/** The cases of the host suite, from the sources. */
async function casesElsewhere({ root, tool }: Context): Promise<Finding[]> {
  const file = 'packages/middleware/tests/programs/host-cases.ts';
  const runtimes = [
    [tool('.bin/bun'), ['--conditions=@ent/source']],
    [
      tool('.bin/deno'),
      ['run', '-A', '--no-lock', '--no-check', '--node-modules-dir=manual', '--conditions=@ent/source'],
    ],
  ] as const;
  const findings: Finding[] = [];
  for (const [program, args] of runtimes) {
    const { code, output } = await run(program, [...args, file], { cwd: root, timeoutMs: 600_000 });
    if (code === 0) continue;
    const fix = 'mend the host, or say in host-differences.ts beside it how the runtime differs';
    findings.push({ file, problem: output.trim(), fix });
  }
  return findings;
}

/** The examples of hosts that Node.js does not run; `examples/hosts/tests` runs the others. */
async function serveElsewhere({ root, tool }: Context, project: string): Promise<Finding[]> {
  const runtimes: readonly [file: string, program: string, args: readonly string[]][] = [
    ['bun.js', tool('.bin/bun'), []],
    ['deno.js', tool('.bin/deno'), ['run', '-A', '--no-lock', '--node-modules-dir=manual']],
  ];
  const findings: Finding[] = [];
  for (const [name, program, args] of runtimes) {
    const file = `examples/hosts/src/${name}`;
    copyFileSync(join(root, file), join(project, name));
    const said = await whileServing(program, [...args, name], { cwd: project, env: process.env }, async (url) => {
      const found = await fetch(`${url}/users/7`, { headers: { 'x-request-id': 'sample-1' } });
      const broken = await fetch(`${url}/users/broken`);
      const other = await fetch(`${url}/nothing`);
      const own = [found, broken, other].map(({ headers }) => headers.get('x-content-type-options'));
      const first = { status: found.status, body: await found.json(), id: found.headers.get('x-request-id') };
      const second = { status: broken.status, tells: /outside/.test(await broken.text()) };
      return JSON.stringify({ first, second, third: other.status, own });
    });
    if (said === SERVED) continue;
    findings.push({ file, problem: `answers ${said}, not ${SERVED}`, fix: 'a host answers like all others' });
  }
  return findings;
}

const SERVED = JSON.stringify({
  first: { status: 200, body: { id: '7', peer: '127.0.0.1' }, id: 'sample-1' },
  second: { status: 500, tells: false },
  third: 404,
  own: ['nosniff', 'nosniff', 'nosniff'],
});

/** With lru-cache, and of other libraries what Next.js needs alone: bundlers. */
async function inBareProject({ root, dir, install, tool }: Context): Promise<Finding[]> {
  const project = join(dir, 'bare');
  const next = ['next', 'react', 'react-dom', 'typescript', '@types/react'].map((name) => [name, tool(name)] as const);
  const more = { ...Object.fromEntries(next), '@types/node': join(root, 'node_modules/@types/node') };
  await install(project, { peers: ['lru-cache'], more });
  for (const name of ['open.js', 'docs.js', 'bundle.js'])
    copyFileSync(join(root, 'scripts/samples', name), join(project, name));
  const findings: Finding[] = [];
  for (const name of BUNDLES) {
    const output = join(dir, 'bundles', name.replace('.', '-'), name);
    mkdirSync(join(output, '..'), { recursive: true });
    const built = await run(process.execPath, ['bundle.js', name, tool('..'), output], { cwd: project });
    const ran = built.code === 0 ? await run(process.execPath, [output], { cwd: dir, timeoutMs: 60_000 }) : built;
    const wanted = name === 'docs.cjs' ? DOCUMENTED : OPENED;
    if (ran.code === 0 && ran.output.trim() === wanted.join('\n')) continue;
    const said = ran.output.trim().split('\n').slice(0, 20).join('\n');
    const problem = `${name} ${built.code === 0 ? 'does not run' : 'is not built'}:\n${said}`;
    findings.push({ file: 'scripts/samples/bundle.js', problem, fix: 'see scripts/optional-peers.ts' });
  }
  const said = await tryNextRoute(project, join(root, 'examples/hosts/src'), tool('next/dist/bin/next'));
  if (said === undefined) return findings;
  return [
    ...findings,
    { file: 'examples/hosts/src/next-route.ts', problem: said, fix: 'a host answers like all others' },
  ];
}

if (import.meta.main) await main(checkSamples);
