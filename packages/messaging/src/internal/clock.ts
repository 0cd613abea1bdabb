import type { Clock } from '../options.ts';
import { createBackoff, type Delay } from './backoff.ts';

/** The time, and how long is waited before something is tried again. */
export interface Timing {
  readonly clock: Clock;
  readonly random: () => number;
  /** Before a message is sent again. */
  readonly resend: Delay;
  /** Before a source is opened again. */
  readonly reopen: Delay;
}

export function createTiming(clock: Clock, random: () => number): Timing {
  return {
    clock,
    random,
    resend: createBackoff({ base: 50, max: 2000 }, random),
    reopen: createBackoff({ base: 100, max: 5000 }, random),
  };
}

/** The system's time. Its timers do not keep a process alive that has nothing else to do. */
export const systemClock: Clock = {
  now: Date.now,
  after(ms, work) {
    const timer = setTimeout(work, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** Waits; returns early, without an error, when the signal aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
