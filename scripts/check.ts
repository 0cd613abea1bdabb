// All checks, as many at a time as there are processors: `npm run check`, or some of them:
// `npm run check -- layers exports`. Options go to the checks that are named: `npm run check -- exports --update`.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Result, run } from './lib/run.ts';

interface Step {
  /** What it says about the repository when it passes. */
  readonly promise: string;
  /** Arguments of Node, or a program of the PATH first. */
  readonly command: readonly [program: 'node' | 'pnpm', ...args: string[]];
  /** A step that must have passed before. */
  readonly after?: 'build';
}

const root = join(import.meta.dirname, '..');
const bin = (path: string): string => join('node_modules', path);
const script = (name: string): Step['command'] => ['node', join('scripts', `${name}.ts`)];

/** The longest first, so that none of them is left for the end. */
const STEPS = {
  build: {
    promise: 'the packages build',
    command: ['pnpm', '-r', '--no-bail', '--workspace-concurrency=2', '--reporter=append-only', 'run', 'build'],
  },
  lint: {
    promise: 'oxlint finds nothing, with type information',
    command: ['node', bin('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings'],
    // It follows imports into what the build makes, and removes before.
    after: 'build',
  },
  types: {
    promise: 'everything compiles: sources, tests, benchmarks, examples, scripts',
    command: ['node', bin('typescript/bin/tsc'), '-p', 'tsconfig.json', '--pretty', 'false'],
  },
  dead: {
    promise: 'no dead code, no unused or undeclared dependency',
    command: ['node', bin('knip/bin/knip.js'), '--no-config-hints', '--no-progress'],
  },
  packed: {
    promise: 'the tarballs pass publint and attw, install, load by import and require, and their types compile',
    command: script('check-packed'),
    after: 'build',
  },
  samples: {
    promise: 'the tarballs compile with TypeScript 5.4 and 7, bundle with one library, and run on Bun and Deno',
    command: script('check-samples'),
    after: 'build',
  },
  images: {
    promise: 'each step of examples/Dockerfile works, and what it makes answers its health check and stops on SIGTERM',
    command: ['node', '--conditions=@ent/source', join('scripts', 'check-images.ts')],
  },
  readme: {
    promise: 'the examples in README files, docs and doc comments compile and run',
    command: script('check-readme'),
    after: 'build',
  },
  exports: {
    promise: 'exports and built files agree, no public name is lost',
    command: script('check-exports'),
    after: 'build',
  },
  api: {
    promise: 'what compiled with the last release compiles, or a changeset says that it does not',
    command: script('check-api'),
    after: 'build',
  },
  size: {
    promise: 'no subpath installs more packages, or much more on the disk, than docs/size.md says',
    command: script('check-size'),
    after: 'build',
  },
  format: {
    promise: 'biome would change nothing',
    command: ['node', bin('@biomejs/biome/bin/biome'), 'format', '--colors=off', '--max-diagnostics=20'],
  },
  layers: { promise: 'imports follow the layers', command: script('check-layers') },
  drivers: {
    promise: 'the driver tables of the README files are what the feature objects say',
    command: ['node', '--conditions=@ent/source', join('scripts', 'check-drivers.ts')],
  },
  tour: {
    promise: 'docs/tour.md tells what six calls go through, and none goes through more than its budget',
    command: ['node', '--conditions=@ent/source', join('scripts', 'tour.ts')],
  },
  openapi: {
    promise:
      'redocly, spectral and openapi-spec-validator have nothing to say of the documents that are made of routes',
    command: ['node', '--conditions=@ent/source', join('scripts', 'check-openapi.ts')],
  },
  demo: {
    promise: 'the lines that `npm run demo` prints run, and a client that is made of its document orders and cancels',
    command: ['node', '--conditions=@ent/source', join('scripts', 'check-demo.ts')],
  },
  asyncapi: {
    promise: 'the parser of AsyncAPI has nothing to say of the documents that are made of topics',
    command: ['node', '--conditions=@ent/source', join('scripts', 'check-asyncapi.ts')],
  },
  compose: {
    promise: 'Docker Compose can read docker-compose.yml, which holds no password and has limits and health checks',
    command: script('check-compose'),
  },
  k8s: {
    promise:
      'infrastructure/k8s renders, fits the schemas of Kubernetes, and its pods are probed, limited and confined',
    command: script('check-k8s'),
  },
  dashboards: {
    promise: 'the dashboards of Grafana are what scripts/lib/dashboards.ts says',
    command: script('check-dashboards'),
  },
  errors: { promise: 'error codes are unique and documented', command: script('check-errors') },
  asvs: {
    promise: 'docs/security.md says which requirements of OWASP ASVS tests hold, by their names',
    command: script('check-asvs'),
  },
  codes: {
    promise: 'docs/errors.md says of each error code what the packages define, and what to do',
    command: ['node', '--conditions=@ent/source', join('scripts', 'check-codes.ts')],
  },
  reference: { promise: 'each public name has a doc comment', command: script('check-reference') },
  changesets: { promise: 'each change of a package has a changeset', command: script('check-changesets') },
  links: { promise: 'links between Markdown files lead somewhere', command: script('check-links') },
  style: { promise: 'texts read as if one hand had written them', command: script('check-style') },
  strings: { promise: 'nothing speaks of one machine', command: script('check-strings') },
} satisfies Record<string, Step>;

type Name = keyof typeof STEPS;

/** Where the mending is mechanical. */
const HINTS: Partial<Record<Name, string>> = {
  format: 'npm run format',
  lint: 'npm run pnpm -- exec oxlint --type-aware --fix mends some of it',
  dead: 'remove it, or stop exporting it; what a tool uses unseen goes into knip.jsonc, with the reason',
};

async function main(args: readonly string[]): Promise<number> {
  const options = args.filter((arg) => arg.startsWith('--'));
  const named = args.filter((arg) => !arg.startsWith('--'));
  const unknown = named.filter((name) => !Object.hasOwn(STEPS, name));
  if (unknown.length > 0) {
    console.error(`There is no check "${unknown[0]}". There are: ${Object.keys(STEPS).join(', ')}.`);
    return 64;
  }
  const began = Date.now();
  const wanted = new Set((named.length > 0 ? named : Object.keys(STEPS)) as Name[]);
  const needed = (Object.keys(STEPS) as Name[]).filter(
    (name) => wanted.has(name) || [...wanted].some((each) => (STEPS[each] as Step).after === name),
  );
  const failed = await runAll(needed, (name) => (wanted.has(name) && named.length > 0 ? options : []));
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  if (failed.length === 0) {
    console.log(`\nchecks: ${needed.length} passed in ${seconds} s`);
    return 0;
  }
  console.log(`\nchecks: ${failed.length} of ${needed.length} failed in ${seconds} s: ${failed.join(', ')}`);
  console.log(`Run one again: npm run check -- ${failed[0]}`);
  return 1;
}

/** Runs the steps, each as soon as there is room and what it comes after has passed; answers those that failed. */
async function runAll(names: readonly Name[], optionsOf: (name: Name) => readonly string[]): Promise<Name[]> {
  const waiting = [...names];
  const done = new Map<Name, boolean>();
  const worker = async (): Promise<void> => {
    for (;;) {
      const at = waiting.findIndex((name) => {
        const { after } = STEPS[name] as Step;
        return after === undefined || !names.includes(after) || done.has(after);
      });
      if (at < 0) {
        if (waiting.length === 0) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      const [name] = waiting.splice(at, 1) as [Name];
      const { after } = STEPS[name] as Step;
      if (after !== undefined && done.get(after) === false) {
        console.log(`- ${name}: not run, since ${after} failed`);
        done.set(name, false);
      } else done.set(name, await runStep(name, optionsOf(name)));
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, Math.min(4, availableParallelism())) }, worker));
  return names.filter((name) => done.get(name) !== true);
}

async function runStep(name: Name, options: readonly string[]): Promise<boolean> {
  const { command, promise } = STEPS[name] as Step;
  const [program, ...args] = command;
  const began = Date.now();
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
  const { code, output }: Result = await run(program === 'node' ? process.execPath : program, [...args, ...options], {
    cwd: root,
    env,
  }).catch((error: unknown) => ({ code: -1, output: String(error) }));
  const seconds = `${((Date.now() - began) / 1000).toFixed(1)} s`;
  if (code === 0) {
    console.log([`✓ ${name}: ${promise} (${seconds})`, ...(output.match(/^skipped: .*/gm) ?? [])].join('\n  '));
    return true;
  }
  const hint = HINTS[name] === undefined ? '' : `\n  -> ${HINTS[name]}`;
  console.log(
    `\n✗ ${name} failed (${seconds}), which should show that ${promise}:\n\n${output.trim().replace(/^(?=.)/gm, '  ')}${hint}\n`,
  );
  return false;
}

process.exitCode = await main(process.argv.slice(2));
