import { z } from 'zod';

/** When an instance is slow beside its peers, and what comes of it. */
export const SlowLimits = z.strictObject({
  /** So many times as long as the others take. */
  factor: z.number().gt(1).default(3),
  /** Milliseconds; who takes less is never slow. */
  minMs: z.number().min(0).default(100),
  /** After so many answers an instance is looked at, by their median: one slow call, or one slow route, says little. */
  samples: z.int().min(1).default(20),
  /** The largest share of the instances that is passed over or left out at a time, 0 to 1. */
  share: z.number().min(0).max(1).default(0.5),
  /** For how many milliseconds it is passed over; each time in a row for twice as long, up to 30 times as long. */
  firstMs: z.number().min(1).default(1_000),
});

export type SlowLimits = z.output<typeof SlowLimits>;

const LONGEST = 30;

/**
 * How long an instance takes to the head of an answer. Times go by in groups, each of which gives one median: to sort
 * them for each call would cost more than it tells.
 */
export class Pace {
  /** Of the last whole group, in milliseconds; undefined as long as there was none. */
  median: number | undefined;
  #times: number[] = [];
  #turns = 0;
  #slowUntil = 0;

  /** Whether it is passed over, by `performance.now()`. */
  isSlow(now = performance.now()): boolean {
    return now < this.#slowUntil;
  }

  /** @returns whether a group is whole, so that `median` is a new one */
  add(ms: number, group: number): boolean {
    this.#times.push(ms);
    if (this.#times.length < group) return false;
    this.median = medianOf(this.#times);
    this.#times = [];
    return true;
  }

  /** It is passed over, for longer each time in a row. */
  passOver(firstMs: number, now = performance.now()): void {
    this.#slowUntil = now + firstMs * Math.min(LONGEST, 2 ** this.#turns);
    this.#turns++;
    this.#times = [];
  }

  /** It was looked at, and is not slow. */
  keep(): void {
    this.#turns = 0;
  }
}

/** The upper one of two in the middle. */
export function medianOf(times: readonly number[]): number | undefined {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
}
