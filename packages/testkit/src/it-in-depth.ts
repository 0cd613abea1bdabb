import { relative } from 'node:path';
import { it } from 'vitest';
import { chooseSeed, depth } from './depth.ts';

/** How many rounds a test in depth makes. */
export interface Rounds {
  /** In `npm run soak`. */
  readonly full: number;
  /** In every run of the tests: a second or a few; 0 where that proves nothing, which skips the test there. */
  readonly ci: number;
  /** What is counted, for its name: `operations`. */
  readonly of: string;
}

/** What a run of it is given. */
export interface Round {
  readonly count: number;
  /** Whatever is random in it comes from here. */
  readonly seed: number;
  /** Says how many are done, as often as is convenient: for the bar of `npm run soak`. */
  readonly tell: (done: number) => void;
}

declare module 'vitest' {
  interface TaskMeta {
    /** Of a test in depth, for the table of `npm run soak`. */
    depth?: Omit<Round, 'tell'> & { readonly of: string };
  }
}

/** The tag by which `npm run soak` finds these tests; `vitest.workspace.ts` declares it. */
const TAG = 'depth';
/** Not what it takes: a broker that was killed needs most of a minute to come back where everything else runs too. */
const CI_LIMIT_MS = 600_000;
// An hour is what the longest of them takes by itself.
const FULL_LIMIT_MS = 7_200_000;
/** More often than `npm run soak` prints it. */
const TELL_EVERY_MS = 5000;

/**
 * A test that proves more with more rounds. `npm test` makes a few, `npm run soak` all of them. When it fails it
 * prints its seed, and the command that repeats it.
 *
 * @example
 * itInDepth('agrees with the model', { full: 100_000, ci: 1000, of: 'operations' }, async ({ count, seed, tell }) => {
 *   const random = randomOf(seed);
 *   for (let round = 0; round < count; round++) {
 *     await check(random);
 *     tell(round);
 *   }
 * });
 */
export function itInDepth(name: string, { full, ci, of }: Rounds, run: (round: Round) => Promise<void> | void): void {
  const count = depth(full, ci);
  const isFull = depth(1, 0) === 1;
  if (count === 0) {
    it.skip(`${name} (skipped: ${full.toLocaleString('en')} ${of}, by npm run soak alone)`, () => {});
    return;
  }
  const options = { tags: TAG, timeout: isFull ? FULL_LIMIT_MS : CI_LIMIT_MS };
  it(`${name}, ${count.toLocaleString('en')} ${of}`, options, async ({ task, annotate, onTestFailed }) => {
    const seed = chooseSeed();
    task.meta.depth = { count, of, seed };
    onTestFailed(() => {
      const file = relative(process.cwd(), task.file.filepath);
      const variables = `${isFull ? 'ENT_TEST_DEPTH=full ' : ''}ENT_TEST_SEED=${seed}`;
      console.error(`The seed was ${seed}. Once more: ${variables} npm test -- ${file} -t '${name}'`);
    });
    let toldAt = 0;
    const tell = (done: number): void => {
      if (!isFull || performance.now() - toldAt < TELL_EVERY_MS) return;
      toldAt = performance.now();
      void annotate(`${done} of ${count} ${of}`, 'progress');
    };
    await run({ count, seed, tell });
  });
}
