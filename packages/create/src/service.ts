import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answersOf, type Choices, choiceOf, QUESTIONS } from './choices.ts';
import { serviceErrors } from './errors.ts';
import { fill, type Values } from './template.ts';
import { type Library, VERSIONS } from './versions.ts';

/** Options of {@link writeService}: where, under which name, and what of. */
export interface ServiceOptions extends Partial<Choices> {
  /** The folder, which is made; it may be there if it is empty, or has `.git` and `.npmrc` alone. */
  readonly folder: string;
  /** As npm takes it: lower case letters, digits, `-`, `.`, `_`. Default: the folder's. */
  readonly name?: string | undefined;
}

/** The packages that each service has. */
const OWN = ['cache', 'config', 'database', 'errors', 'lifecycle', 'logging', 'messaging', 'middleware'];
/** Of npm, without a scope; it becomes part of URLs and file names as well. */
const NAME = /^[a-z][a-z0-9._-]{0,79}$/;
/** What a folder may have before there is a service in it: where packages come from, and a repository. */
const BESIDE: ReadonlySet<string> = new Set(['.git', '.npmrc']);
const here = dirname(fileURLToPath(import.meta.url));

/**
 * Writes a small service: notes in a database, cached, with events by an outbox; probes, tests that need no server, a
 * Dockerfile and a compose file. It installs nothing.
 *
 * @returns the paths of the files, relative to the folder
 * @throws `create.invalid_options` for a name or an answer that is none, `create.folder_not_empty`
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { writeService } from '@ent/create';
 *
 * const folder = `${await mkdtemp('/tmp/create-')}/shop`;
 * console.log(await writeService({ folder, database: 'postgres', host: 'fastify' })); // [ 'package.json', ... ]
 * ```
 */
export async function writeService(options: ServiceOptions): Promise<string[]> {
  demandOptions(options);
  const folder = resolve(options.folder);
  const name = nameOf(options.name ?? basename(folder));
  const choices = choicesOf(options);
  demandEmpty(folder);
  const values = valuesOf(name, choices);
  const files = new Map([['package.json', manifestOf(name, choices)]]);
  for (const path of TEMPLATES) {
    if (path === 'src/auth.ts' && choices.auth === 'none') continue;
    if (path === '.env.development' && !values.conditions.has('servers') && choices.auth !== 'tokens') continue;
    const template = readFileSync(join(here, '..', 'src', 'template', `${path.replace(/^\./, '_')}.txt`), 'utf8');
    files.set(path, fill(template, values));
  }
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    // Nothing of somebody else is overwritten, whoever was faster.
    await writeFile(join(folder, path), text, { flag: 'wx' });
  }
  return [...files.keys()];
}

const TEMPLATES = [
  '.dockerignore',
  '.env.development',
  '.env.example',
  '.gitignore',
  'Dockerfile',
  'README.md',
  'compose.yaml',
  'src/app.ts',
  'src/auth.ts',
  'src/config.ts',
  'src/http.ts',
  'src/main.ts',
  'src/migrate.ts',
  'src/migrations.ts',
  'src/notes.ts',
  'tests/notes.test.ts',
  'tsconfig.json',
];

/** @throws `create.invalid_options` */
export function nameOf(name: string): string {
  if (NAME.test(name)) return name;
  throw serviceErrors.invalid_options(
    `"${name}" cannot be the name of a service: it begins with a lower case letter, and has lower case letters, digits, "-", "." and "_", 80 at most.`,
  );
}

/** @throws `create.folder_not_empty` */
export function demandEmpty(folder: string): void {
  if (!existsSync(folder)) return;
  let found: string[];
  try {
    found = readdirSync(folder);
  } catch (cause) {
    throw serviceErrors.folder_not_empty(`${folder} is not a folder that can be read: name another one.`, { cause });
  }
  const taken = found.filter((name) => !BESIDE.has(name));
  if (taken.length === 0) return;
  throw serviceErrors.folder_not_empty(
    `${folder} is not empty: it has ${taken.slice(0, 3).join(', ')}. Name a new folder, or empty this one.`,
  );
}

function demandOptions(options: ServiceOptions): void {
  const { folder, name } = (options ?? {}) as Partial<ServiceOptions>;
  if (typeof folder !== 'string' || folder === '' || (name !== undefined && typeof name !== 'string')) {
    throw serviceErrors.invalid_options('writeService takes { folder } of a text, and perhaps a name.');
  }
  const known = ['folder', 'name', ...QUESTIONS];
  const unknown = Object.keys(options).find((option) => !known.includes(option));
  if (unknown === undefined) return;
  throw serviceErrors.invalid_options(`writeService has no option "${unknown}"; it has ${known.join(', ')}.`);
}

function choicesOf(options: ServiceOptions): Choices {
  const chosen: Record<string, string> = {};
  for (const question of QUESTIONS) {
    const answers = answersOf(question);
    const answer: unknown = options[question] ?? answers[0];
    const known = answers.find((each) => each === answer);
    if (known === undefined) {
      throw serviceErrors.invalid_options(`"${String(answer)}" is no ${question}: there is ${answers.join(', ')}.`);
    }
    chosen[question] = known;
  }
  return chosen as Choices;
}

function manifestOf(name: string, choices: Choices): string {
  const picked = QUESTIONS.map((question) => choiceOf(question, choices[question]));
  const libraries = new Set<Library>(['zod', ...picked.flatMap((choice) => choice.libraries)]);
  const tools = new Set<Library>(['typescript', '@types/node', ...picked.flatMap((choice) => choice.tools ?? [])]);
  const { version } = JSON.parse(readFileSync(join(here, '..', 'package.json'), 'utf8')) as { version: string };
  const own = [
    ...OWN,
    ...(choices.host === 'fastify' ? [] : ['http']),
    ...(choices.auth === 'none' ? [] : ['auth']),
  ].map((part) => [`@ent/${part}`, `^${version}`]);
  const others = (names: ReadonlySet<Library>): string[][] => [...names].map((library) => [library, VERSIONS[library]]);
  const sorted = (entries: string[][]): Record<string, string> =>
    Object.fromEntries(
      entries.map(([library = '', range = '']) => [library, range] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  const manifest = {
    name,
    version: '0.0.0',
    private: true,
    type: 'module',
    engines: { node: '^22.18 || ^24.11 || >=26' },
    scripts: {
      start: 'node src/main.ts',
      dev: 'node --watch src/main.ts',
      migrate: 'node src/migrate.ts',
      test: 'node --test "tests/**/*.test.ts"',
      typecheck: 'tsc',
    },
    dependencies: sorted([...own, ...others(libraries)]),
    devDependencies: sorted(others(tools)),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function valuesOf(name: string, choices: Choices): Values {
  const conditions = new Set<string>(QUESTIONS.map((question) => `${question}=${choices[question]}`));
  const { database, cache, broker } = choices;
  if (cache === 'redis' || broker === 'redis-streams') conditions.add('redis');
  const inProcess = ['sqlite', 'memory'];
  const servers = [...new Set([database, cache, broker])].filter((each) => !inProcess.includes(each));
  if (servers.length > 0) conditions.add('servers');
  const protocols = (question: 'database' | 'cache' | 'broker'): string =>
    (choiceOf(question, choices[question]).protocols ?? []).map((protocol) => `'${protocol}'`).join(', ');
  const url = (question: 'database' | 'cache' | 'broker', host: 'compose' | 'local'): string =>
    choiceOf(question, choices[question]).url!(host, name);
  const imports = importsOf(choices);
  if (imports['errorsImport'] !== '') conditions.add('errors');
  return {
    conditions,
    texts: {
      name,
      // 2 to 20 lower case letters, digits and "_".
      keyPrefix: `${name
        .replace(/[^a-z0-9]+/g, '_')
        .replace(/_+$/, '')
        .slice(0, 19)}_`
        .replace(/_+$/, '')
        .padEnd(2, 'x'),
      databaseProtocols: protocols('database'),
      cacheProtocols: protocols('cache'),
      brokerProtocols: protocols('broker'),
      // What needs a server has no default: forgotten in production, the service would run on a file.
      databaseDefault: database === 'sqlite' ? `.default('sqlite:./data/${name}.db')` : '',
      cacheDefault: cache === 'memory' ? `.default('memory:')` : '',
      brokerDefault: broker === 'memory' ? `.default('memory:')` : '',
      databaseUrl: url('database', 'compose'),
      cacheUrl: url('cache', 'compose'),
      brokerUrl: url('broker', 'compose'),
      localDatabaseUrl: url('database', 'local'),
      localCacheUrl: url('cache', 'local'),
      localBrokerUrl: url('broker', 'local'),
      testDatabaseUrl: database === 'sqlite' ? 'sqlite:./data/test.db' : url('database', 'local'),
      backends: servers.length === 0 ? 'what it has in the process' : servers.join(', '),
      developmentDefaults:
        servers.length === 0
          ? 'SQLite, and a cache and a broker in the process, are the defaults of `src/config.ts`.'
          : '`.env.development` names SQLite, and a cache and a broker in the process.',
      ...imports,
    },
  };
}

/** What the files import from packages, of which a service has not everything. */
function importsOf({ host, auth }: Choices): Record<string, string> {
  const open = auth === 'none';
  const list = (...names: (string | false)[]): string => names.filter((name) => name !== false).join(', ');
  const errors = list(
    !open && host !== 'node' && 'AuthenticationError',
    !open && 'EntError',
    host !== 'node' && 'issuesFromZod',
    host !== 'node' && 'ValidationError',
  );
  return {
    httpImports: list(!open && 'bearer', 'createListener', 'createServer', 'drain', 'reply', 'route'),
    exchangeImport: open ? '' : ', exchangeOf',
    fastifyImports: list(!open && 'exchangeOf', 'fastifyOptions', 'fastifyProblems'),
    errorsImport: errors === '' ? '' : `import { ${errors} } from '@ent/errors';`,
    loggingImport:
      open || host === 'node'
        ? "import type { Logger } from '@ent/logging';"
        : "import { type Logger, withContext } from '@ent/logging';",
    middlewareImports: list(
      'accessLog',
      'type Middleware',
      host === 'hono' && 'readJson',
      'requestContext',
      'requestId',
      'securityHeaders',
    ),
    notesImports: list('NewNote', host === 'node' && 'Note', 'type Notes'),
    callerImport: auth === 'api-keys' ? 'type Caller, ' : '',
  };
}
