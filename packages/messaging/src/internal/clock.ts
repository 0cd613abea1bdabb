import { exponentialBackoff, pause as pauseAfter, startTimer } from '@ent/internal';
import type { Clock } from '../options.ts';

/** The time, and how long is waited before something is tried again. */
export interface Timing {
  readonly clock: Clock;
  readonly random: () => number;
  /** Before a message is sent again: how long after the try with this number. */
  readonly resend: (attempt: number) => number;
  /** Before a source that died is replaced. */
  readonly resubscribe: (attempt: number) => number;
}

export function createTiming(clock: Clock, random: () => number): Timing {
  return {
    clock,
    random,
    resend: exponentialBackoff({ baseMs: 50, maxMs: 2000, random }),
    resubscribe: exponentialBackoff({ baseMs: 100, maxMs: 5000, random }),
  };
}

/** The system's time. */
export const systemClock: Clock = {
  now: Date.now,
  after(ms, work, held = false) {
    const timer = startTimer(ms, work);
    if (!held) timer.unref();
    return () => timer.cancel();
  },
};

/** Waits on this clock; returns early, without an error, when the signal aborts. It holds the process. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return pauseAfter(ms, signal, (after, work) => clock.after(after, work, true));
}
