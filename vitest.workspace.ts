import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { TestOrder } from './scripts/test-order.ts';

// vitest 5 ignores a workspace file unless it is named: `vitest run --config vitest.workspace.ts`
// (the root scripts do). "import" is not listed: Node would apply it to require() as well, and
// packages that ship both forms (pg) would break.
const resolve = { conditions: ['@ent/source', 'node'] };
const ssr = { resolve };

// What Node has compiled, for all processes of the run: a service that finds it there takes half the time to begin.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled');

// Four more than there are processors: most of the time these tests wait for a server, a failover or an end of a TTL.
const maxWorkers = availableParallelism() + 4;
// Of a test that hangs, not of what it does: a second of work takes half a minute where servers, six workers and
// somebody else share two processors. A poll ends before its test, so that it tells what did not happen.
const expect = { poll: { timeout: 60_000 } };

export default defineConfig({
  test: {
    maxWorkers,
    sequence: { sequencer: TestOrder },
    // The last one names what was skipped and why, and ends with the line that CI reads.
    reporters: [...(process.env['GITHUB_ACTIONS'] ? ['github-actions'] : []), 'default', './scripts/test-reporter.ts'],
    // What `npm run soak` runs with all its rounds: the tests of `itInDepth`.
    tags: [{ name: 'depth' }],
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: ['packages/*/tests/**/*.test.ts', 'scripts/tests/**/*.test.ts'],
          exclude: ['**/tests/drivers/**', '**/tests/e2e/**', '**/node_modules/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'drivers',
          include: ['packages/*/tests/drivers/**/*.test.ts', 'examples/*/tests/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          expect,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ['packages/*/tests/**/*.test-d.ts'],
            tsconfig: 'tsconfig.types.json',
          },
        },
      },
    ],
  },
});
