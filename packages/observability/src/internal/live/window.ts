/** Buckets of durations: eight for each power of ten, from 0.05 ms to some 100 s; each a third wider than the last. */
const BUCKETS = 52;
const LEAST_MS = 0.05;
const PER_DECADE = 8;

/** A span of time. Its numbers are overwritten when its place in the ring is needed again. */
interface Slot {
  /** Which span since the start; -1 before the first. */
  at: number;
  count: number;
  errors: number;
  durations: Uint32Array | undefined;
}

/** What happened in a window. */
export interface Summary {
  readonly perSecond: number;
  /** Failures of all, from 0 to 1. */
  readonly errorRatio: number;
  /** In milliseconds, to a sixth; null where nothing ended. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** One point of a chart. */
export type Point = Pick<Summary, 'perSecond' | 'p50' | 'p99'> & { readonly errorsPerSecond: number };

/** How long the windows of all that is shown are, in slots. */
export interface Span {
  readonly slots: number;
  readonly slotMs: number;
}

/**
 * Counts and durations of the last while, in a ring of slots that are used again: however much happens, it stays of one
 * size.
 */
export class Window {
  readonly #ring: Slot[];
  readonly #span: Span;
  readonly #now: () => number;
  readonly #since: number;

  /** @param now milliseconds of a clock that does not step */
  constructor(span: Span, now: () => number) {
    this.#ring = Array.from({ length: span.slots }, () => ({ at: -1, count: 0, errors: 0, durations: undefined }));
    this.#span = span;
    this.#now = now;
    this.#since = now();
  }

  /** @param count how many things it stands for */
  add(durationMs: number, isError: boolean, count = 1): void {
    const slot = this.#slot();
    slot.count += count;
    if (isError) slot.errors += count;
    slot.durations ??= new Uint32Array(BUCKETS);
    slot.durations[bucketOf(durationMs)]! += count;
  }

  /** Whether nothing has happened in it. */
  get isEmpty(): boolean {
    return this.#last(this.#span.slots).every(({ count }) => count === 0);
  }

  /** @param span how many of its slots are summed up, the current one included. Default: all. */
  summary(span = this.#span.slots): Summary {
    const slots = this.#last(span);
    const count = sum(slots, 'count');
    const durations = new Uint32Array(BUCKETS);
    for (const slot of slots) slot.durations?.forEach((value, at) => (durations[at]! += value));
    return {
      perSecond: count / this.#seconds(span),
      errorRatio: count === 0 ? 0 : sum(slots, 'errors') / count,
      p50: quantile(durations, count, 0.5),
      p95: quantile(durations, count, 0.95),
      p99: quantile(durations, count, 0.99),
    };
  }

  /** Its slots that are over, oldest first; null for those of a time before it was there. */
  points(): (Point | null)[] {
    const { slots, slotMs } = this.#span;
    const current = this.#current();
    const first = Math.floor(this.#since / slotMs);
    return Array.from({ length: slots - 1 }, (_, i) => {
      const at = current - slots + 1 + i;
      if (at < first) return null;
      const slot = this.#ring[at % slots]!;
      if (slot.at !== at) return { perSecond: 0, errorsPerSecond: 0, p50: null, p99: null };
      const { count, errors, durations = new Uint32Array(BUCKETS) } = slot;
      return {
        perSecond: (count * 1000) / slotMs,
        errorsPerSecond: (errors * 1000) / slotMs,
        p50: quantile(durations, count, 0.5),
        p99: quantile(durations, count, 0.99),
      };
    });
  }

  #current(): number {
    return Math.floor(this.#now() / this.#span.slotMs);
  }

  /** The slot of now, emptied if its place was another one's. */
  #slot(): Slot {
    const at = this.#current();
    const slot = this.#ring[at % this.#span.slots]!;
    if (slot.at !== at) {
      Object.assign(slot, { at, count: 0, errors: 0 });
      slot.durations?.fill(0);
    }
    return slot;
  }

  #last(span: number): Slot[] {
    const oldest = this.#current() - span + 1;
    return this.#ring.filter(({ at }) => at >= oldest);
  }

  /** For how long it has been counting: as long as it is, or since it began. At least one second. */
  #seconds(span: number): number {
    const now = this.#now();
    const begins = (this.#current() - span + 1) * this.#span.slotMs;
    return Math.max(1000, now - Math.max(begins, this.#since)) / 1000;
  }
}

function sum(slots: readonly Slot[], what: 'count' | 'errors'): number {
  return slots.reduce((total, slot) => total + slot[what], 0);
}

function bucketOf(durationMs: number): number {
  if (!(durationMs > LEAST_MS)) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log10(durationMs / LEAST_MS) * PER_DECADE));
}

/** The middle of the bucket that has it. */
function quantile(durations: Uint32Array, count: number, share: number): number | null {
  if (count === 0) return null;
  let left = Math.max(1, Math.ceil(count * share));
  const at = durations.findIndex((value) => (left -= value) <= 0);
  return LEAST_MS * 10 ** ((at - 0.5) / PER_DECADE);
}
