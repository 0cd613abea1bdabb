import { itInDepth } from './it-in-depth.ts';

/** What declares the cases of a conformance suite, by a runner. */
type Declare = (runner: { it(name: string, run: () => Promise<void>): unknown }) => void;

/**
 * The cases of a conformance suite as one test in depth: `npm test` runs `ci` of them, others in each run, and
 * `npm run soak` all. For what differs from something that passes the whole suite in each run.
 *
 * @example
 * itInShares('behind a pooler', 10, (runner) => testDatabaseDriver(runner, harness));
 */
export function itInShares(name: string, ci: number, declare: Declare): void {
  const cases: { readonly name: string; readonly run: () => Promise<void> }[] = [];
  declare({ it: (each, run) => cases.push({ name: each, run }) });
  itInDepth(name, { full: cases.length, ci, of: 'cases' }, async ({ count, seed, tell }) => {
    for (let round = 0; round < count; round += 1) {
      const each = cases[(seed + round) % cases.length] as (typeof cases)[number];
      try {
        await each.run();
      } catch (cause) {
        throw new Error(`In "${each.name}".`, { cause });
      }
      tell(round);
    }
  });
}
