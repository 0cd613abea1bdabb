/** What `setTimeout` takes at the most: a longer time makes it fire at once, with a warning. */
export const LONGEST_MS = 2 ** 31 - 1;

/** A timer that waits as long as it is told to. */
export interface Timer {
  cancel(): void;
  /** The timer alone does not keep the process. */
  unref(): Timer;
}

/** Calls `work` once, after `ms` milliseconds, which may be months; `Infinity` for never. */
export function startTimer(ms: number, work: () => void): Timer {
  const endsAt = performance.now() + ms;
  let held = true;
  let current: NodeJS.Timeout;
  const wait = (): void => {
    const left = endsAt - performance.now();
    // Rounded up: Node.js drops the fraction, and would ring too early.
    current = left > LONGEST_MS ? setTimeout(wait, LONGEST_MS) : setTimeout(work, Math.max(0, Math.ceil(left)));
    if (!held) current.unref();
  };
  wait();
  return {
    cancel() {
      clearTimeout(current);
    },
    unref() {
      held = false;
      current.unref();
      return this;
    },
  };
}
