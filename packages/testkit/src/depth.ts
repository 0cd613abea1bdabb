// How deep a test goes that proves more with more rounds: a property, a simulation, a soak. Few rounds in each run of
// the tests, all of them by `npm run soak`. The only place that reads ENT_TEST_DEPTH and ENT_TEST_SEED.

/**
 * Which of two counts this run takes: `ci`, or `full` with `ENT_TEST_DEPTH=full`, which is what `npm run soak` sets.
 */
export function depth(full: number, ci: number, env: NodeJS.ProcessEnv = process.env): number {
  const wanted = env['ENT_TEST_DEPTH'] || 'ci';
  if (wanted !== 'full' && wanted !== 'ci') throw new Error('ENT_TEST_DEPTH takes "full" or "ci".');
  return wanted === 'full' ? full : ci;
}

/** The seed of a random test: another one each time, or the one of `ENT_TEST_SEED`, to repeat a failure. */
export function chooseSeed(env: NodeJS.ProcessEnv = process.env): number {
  const given = env['ENT_TEST_SEED'];
  if (!given) return Math.floor(Math.random() * 2 ** 31);
  if (!/^\d{1,10}$/.test(given) || Number(given) >= 2 ** 31) {
    throw new Error('ENT_TEST_SEED takes the number that a failed test has printed.');
  }
  return Number(given);
}

/**
 * A source of numbers from 0 to below 1 like `Math.random`, of which a seed
 * gives one sequence (Tommy Ettinger's mulberry32).
 *
 * @example
 * const random = randomOf(7);
 * const die = 1 + Math.floor(random() * 6);
 */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
