import type { Source } from '../driver.ts';
import type { Clock } from '../options.ts';

/** How often in the length of a lease. */
const TIMES = 3;

/**
 * Renews leases, where the source has them, until the function that it answers is called.
 *
 * @param held the tokens of what is held now
 * @param onStale told which of them somebody else has by now
 */
export function renewing(
  source: Source,
  clock: Clock,
  held: () => readonly unknown[],
  onStale: (tokens: ReadonlySet<unknown>) => void,
): () => void {
  const { leaseMs } = source;
  if (leaseMs === null) return () => {};
  let isOver = false;
  const schedule = (): (() => void) => clock.after(leaseMs / TIMES, () => void renew());
  const renew = async (): Promise<void> => {
    const tokens = held();
    // What fails is tried again at the next turn; should the lease end before, settling will find out.
    const results = tokens.length === 0 ? [] : await source.renew(tokens).catch(() => []);
    if (isOver) return;
    const stale = tokens.filter((_, at) => results[at] === 'stale');
    if (stale.length > 0) onStale(new Set(stale));
    cancel = schedule();
  };
  let cancel = schedule();
  return () => {
    isOver = true;
    cancel();
  };
}
