import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../options.ts';

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /**
   * Moves the time on, and runs what falls due on the way, each at its time, with a turn of the event loop after it.
   */
  advance(ms: number): Promise<void>;
  /** How many timers are waiting. */
  readonly pending: number;
}

/**
 * Makes a {@link ManualClock}. Hand the same one to the driver and to `createMessaging`.
 *
 * @example
 * ```ts
 * import { createMessaging } from '@ent/messaging';
 * import { memory } from '@ent/messaging/memory';
 * import { manualClock } from '@ent/messaging/testing';
 *
 * const clock = manualClock();
 * const messaging = createMessaging({ driver: memory({ clock }), clock });
 * await clock.advance(30_000);
 * await messaging.close();
 * ```
 */
export function manualClock(start = Date.UTC(2030, 0, 1)): ManualClock {
  let time = start;
  const timers = new Set<{ due: number; work: () => void }>();

  const nextDue = (until: number) => {
    let first: { due: number; work: () => void } | undefined;
    for (const timer of timers) {
      if (timer.due <= until && (first === undefined || timer.due < first.due)) first = timer;
    }
    return first;
  };

  return {
    now: () => time,
    after(ms, work) {
      const timer = { due: time + ms, work };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    get pending() {
      return timers.size;
    },
    async advance(ms) {
      const end = time + ms;
      await settle();
      for (let timer = nextDue(end); timer; timer = nextDue(end)) {
        timers.delete(timer);
        time = Math.max(time, timer.due);
        timer.work();
        await settle();
      }
      time = end;
      await settle();
    },
  };
}

/** Lets what has been set in motion come to rest, or at least get far. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await nextTurn();
}
