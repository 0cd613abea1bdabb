import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Bytes that are held by somebody, on the heap and outside of it, after everything else was collected. */
export function heldBytes(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * The bytes that each of `rounds` calls leaves behind, once the first ones have filled what is filled only once.
 *
 * @param work what is done again and again in a long life
 */
export async function bytesPerRound(rounds: number, work: (round: number) => unknown): Promise<number> {
  for (let i = 0; i < rounds / 4; i++) await work(i);
  const before = heldBytes();
  for (let i = 0; i < rounds; i++) await work(i);
  return (heldBytes() - before) / rounds;
}
