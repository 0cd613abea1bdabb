import { describe, expect, it } from 'vitest';
import { checkLayers } from '../check-layers.ts';
import { circlesOf } from '../lib/circles.ts';
import { makeTree, manifestOf } from './support/tree.ts';

/** Two packages as they should be. */
const clean = {
  'packages/errors/package.json': manifestOf('errors'),
  'packages/errors/src/index.ts': "export { EntError } from './error.ts';\n",
  'packages/errors/src/error.ts': 'export class EntError extends Error {}\n',
  'packages/cache/package.json': manifestOf(
    'cache',
    { '.': 'index', './redis': 'drivers/redis', './open': 'open' },
    { peerDependencies: { redis: '^6.0.0' }, peerDependenciesMeta: { redis: { optional: true } } },
  ),
  'packages/cache/src/index.ts': "export { Cache } from './cache.ts';\nexport type { Driver } from './driver.ts';\n",
  'packages/cache/src/cache.ts':
    "import { EntError } from '@ent/errors';\nimport { toMilliseconds } from '@ent/internal';\nexport class Cache {}\nthrow new EntError(toMilliseconds);\n",
  'packages/cache/src/driver.ts': 'export interface Driver {}\n',
  'packages/cache/src/open.ts': "export const open = () => import('./drivers/redis.ts');\n",
  'packages/cache/src/drivers/redis.ts':
    "import { createClient } from 'redis';\nimport type { Driver } from '../driver.ts';\nexport const redis = (): Driver => createClient();\n",
  'packages/cache/tests/cache.test.ts':
    "import { it } from 'vitest';\nimport { Cache } from '../src/index.ts';\nit('is', () => new Cache());\n",
  'packages/database/package.json': manifestOf('database'),
  'packages/database/src/index.ts': "export { x } from './x.ts';\n",
  'packages/database/src/x.ts': 'export const x = 1;\n',
};

type Allowed = NonNullable<Parameters<typeof checkLayers>[1]>;

/** What is found when these files are added or replaced. */
function findings(files: Record<string, string | object>, allowed: Partial<Allowed> = {}): string[] {
  const root = makeTree({ ...clean, ...files });
  return checkLayers(root, { edges: [], drivers: [], ...allowed }).map(
    ({ file, line, problem }) => `${file}:${line} ${problem}`,
  );
}

describe('check-layers', () => {
  it('accepts packages that follow the layers', () => {
    expect(findings({})).toEqual([]);
  });

  it('refuses a concern that imports another, also for a type, and also behind an import()', () => {
    expect(
      findings({
        'packages/cache/src/a.ts': "import { x } from '@ent/database';\nexport const y = x;\n",
        'packages/cache/src/b.ts': "\nimport type { X } from '@ent/database/open';\nexport type Y = X;\n",
        'packages/cache/src/c.ts': "\n\nexport const z = () => import('@ent/database');\n",
        'packages/cache/src/d.ts': "\n\n\nexport type Z = import('@ent/database').Database;\n",
        'packages/cache/src/e.ts': "\n\n\n\nexport { x } from '@ent/database';\n",
      }),
    ).toEqual(
      ['a.ts:1', 'b.ts:2', 'c.ts:3', 'd.ts:4', 'e.ts:5'].map(
        (at) => `packages/cache/src/${at} cache imports @ent/database: a concern imports no other concern`,
      ),
    );
  });

  it('knows the edges that are meant: http stands on middleware, and not the other way round', () => {
    const files = {
      'packages/http/package.json': manifestOf('http'),
      'packages/http/src/index.ts': "export { a } from './a.ts';\n",
      'packages/http/src/a.ts': "export { use as a } from '@ent/middleware';\n",
      'packages/middleware/package.json': manifestOf('middleware'),
      'packages/middleware/src/index.ts': "export { b } from './b.ts';\n",
      'packages/middleware/src/b.ts': "export { route as b } from '@ent/http';\n",
    };
    const edges = [{ from: 'http', to: 'middleware', reason: 'it is built on it' }];
    expect(findings(files, { edges })).toEqual([
      'packages/middleware/src/b.ts:1 middleware imports @ent/http: a concern imports no other concern',
      'packages/http:undefined a circle of imports: http > middleware > http',
    ]);
  });

  it('allows an edge to one file, and a driver to another, and reports an exception that nothing uses', () => {
    const files = {
      'packages/cache/src/meeting.ts': "export { x } from '@ent/database';\n",
      'packages/cache/src/other.ts': "export { x } from '@ent/database';\n",
      'packages/cache/src/engine.ts': "export { redis } from './drivers/redis.ts';\n",
    };
    const allowed = {
      edges: [
        { from: 'cache/src/meeting.ts', to: 'database', reason: 'a meeting point' },
        { from: 'cache', to: 'serialization', reason: 'not any more' },
      ],
      drivers: [
        { file: 'cache/src/engine.ts', reason: 'the engine' },
        { file: 'cache/src/cache.ts', reason: 'not any more' },
      ],
    };
    expect(findings(files, allowed)).toEqual([
      'packages/cache/src/other.ts:1 cache imports @ent/database: a concern imports no other concern',
      'scripts/check-layers.ts:undefined nothing needs the exception in edges: cache to serialization',
      'scripts/check-layers.ts:undefined nothing needs the exception in drivers: cache/src/cache.ts',
    ]);
  });

  it('refuses circles of files, also by types, and names the shortest way round', () => {
    const files = {
      'packages/cache/src/driver.ts': "import type { Options } from './options.ts';\nexport type Driver = Options;\n",
      'packages/cache/src/options.ts': "import type { B } from './internal/b.ts';\nexport type Options = B;\n",
      'packages/cache/src/internal/b.ts':
        "import type { Driver } from '../driver.ts';\nimport { c } from './c.ts';\nexport type B = Driver | typeof c;\n",
      'packages/cache/src/internal/c.ts': "import { d } from './d.ts';\nexport const c = d;\n",
      'packages/cache/src/internal/d.ts': "export const d = 1;\nexport type C = typeof import('./c.ts').c;\n",
    };
    expect(findings(files)).toEqual([
      'packages/cache/src/driver.ts:undefined a circle of imports: driver.ts > options.ts > internal/b.ts > driver.ts',
      'packages/cache/src/internal/c.ts:undefined a circle of imports: internal/c.ts > internal/d.ts > internal/c.ts',
    ]);
  });

  it('refuses circles of packages, which the ground could have', () => {
    const files = {
      'packages/errors/src/error.ts':
        "import { unit } from '@ent/internal';\nexport class EntError extends Error { unit = unit; }\n",
      'packages/internal/package.json': manifestOf('internal'),
      'packages/internal/src/index.ts': "export { unit } from './unit.ts';\n",
      'packages/internal/src/unit.ts':
        "import type { EntError } from '@ent/errors';\nexport const unit = 1 as EntError | 1;\n",
    };
    const edges = [{ from: 'internal', to: 'errors', reason: 'to come round' }];
    expect(findings(files, { edges })).toEqual([
      'packages/errors:undefined a circle of imports: errors > internal > errors',
    ]);
  });

  it('refuses a portable file that imports a driver', () => {
    expect(
      findings({
        'packages/cache/src/cache.ts':
          "import { redis } from './drivers/redis.ts';\nexport class Cache { d = redis; }\n",
      }),
    ).toEqual([
      'packages/cache/src/cache.ts:1 a portable file imports the driver drivers/redis.ts',
      'packages/cache/src/drivers/redis.ts:1 "." reaches the driver library redis, through src/cache.ts',
    ]);
  });

  it('refuses a driver library in what the portable subpaths reach, also for a type', () => {
    const files = {
      'packages/cache/src/cache.ts': "import { a } from './internal/a.ts';\nexport class Cache { a = a; }\n",
      'packages/cache/src/internal/a.ts': "import type { Client } from 'redis';\nexport const a = {} as Client;\n",
    };
    expect(findings(files)).toEqual([
      'packages/cache/src/internal/a.ts:1 "." reaches the driver library redis, through src/cache.ts',
    ]);
  });

  it('refuses a driver that imports the portable part', () => {
    expect(
      findings({
        'packages/cache/src/drivers/memory.ts':
          "import { Cache } from '../cache.ts';\nexport const memory = new Cache();\n",
      }),
    ).toEqual(['packages/cache/src/drivers/memory.ts:1 a driver imports the portable part (cache.ts)']);
  });

  it('wants named re-exports in index.ts, and nothing else', () => {
    expect(findings({ 'packages/database/src/index.ts': "export * from './x.ts';\n" })).toEqual([
      'packages/database/src/index.ts:1 export *',
    ]);
    expect(findings({ 'packages/database/src/index.ts': 'export const x = 1;\n' })).toEqual([
      'packages/database/src/index.ts:undefined has more than named re-exports',
    ]);
  });

  it('keeps examples above the packages, and test helpers out of what is published', () => {
    expect(
      findings({
        'packages/cache/src/cache.ts':
          "import '@ent-examples/user-service';\nimport '@ent/testkit';\nexport class Cache {}\n",
        'packages/cache/tests/cache.test.ts': "import '../../../examples/user-service/src/main.ts';\n",
        'examples/user-service/package.json': { name: '@ent-examples/user-service' },
        'examples/user-service/src/main.ts': "import '../../../packages/cache/src/index.ts';\n",
      }),
    ).toEqual([
      'packages/cache/src/cache.ts:1 a package imports an example',
      'packages/cache/src/cache.ts:2 published code imports @ent/testkit',
      'packages/cache/tests/cache.test.ts:1 imports ../../../examples/user-service/src/main.ts, outside of its package',
      'examples/user-service/src/main.ts:1 imports ../../../packages/cache/src/index.ts, outside of the example',
    ]);
  });
});

describe('circlesOf', () => {
  const graph = (edges: Record<string, string[]>) =>
    new Map(Object.entries(edges).map(([node, next]) => [node, new Set(next)]));

  it('knows one group of nodes from two, and a node that imports itself', () => {
    expect(circlesOf(graph({ a: ['b', 'x'], b: ['a'], c: ['a', 'd'], d: ['c'], e: ['e'], x: [] }))).toEqual([
      { way: ['a', 'b', 'a'], size: 2 },
      { way: ['c', 'd', 'c'], size: 2 },
      { way: ['e', 'e'], size: 1 },
    ]);
  });

  it('finds the shortest way of a group, and none where all edges point down', () => {
    expect(circlesOf(graph({ a: ['b'], b: ['c'], c: ['a', 'd'], d: ['c'] }))).toEqual([
      { way: ['c', 'd', 'c'], size: 4 },
    ]);
    expect(circlesOf(graph({ a: ['b', 'c'], b: ['c'], c: ['d'] }))).toEqual([]);
  });
});
