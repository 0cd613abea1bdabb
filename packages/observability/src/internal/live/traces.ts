import { SPAN, type Traced } from '../traced.ts';

const MOST = 20;
/** Of the flags of a trace: somebody will see it. */
const SAMPLED = 1;

/** A trace, as far as it came through this process. */
export interface TraceRow {
  /** Its id. */
  readonly name: string;
  /** What this process did for it first. */
  readonly first: string;
  /** Requests served, batches of messages sent, messages handled. */
  readonly parts: number;
  readonly slowestMs: number;
  readonly failed: number;
}

interface Kept {
  /** When the first part began. */
  readonly since: number;
  readonly row: TraceRow;
}

/** The last traces that came through this process: the pages of others show the rest of one under the same id. */
export class Traces {
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** An operation that has ended; without a span, or with one that nobody will see, it is a part of no trace. */
  add(operation: Traced, what: string, durationMs: number, isError: boolean): void {
    const ids = operation[SPAN]?.spanContext();
    if (ids === undefined || (ids.traceFlags & SAMPLED) === 0) return;
    const { traceId: name } = ids;
    const since = this.#now() - durationMs;
    const known = this.#kept.get(name);
    // What is inside of another one ends before it.
    const isFirst = known === undefined || since < known.since;
    // To the end: the newest is last, and the oldest goes first.
    this.#kept.delete(name);
    this.#kept.set(name, {
      since: isFirst ? since : known.since,
      row: {
        name,
        first: isFirst ? what : known.row.first,
        parts: (known?.row.parts ?? 0) + 1,
        slowestMs: Math.max(known?.row.slowestMs ?? 0, durationMs),
        failed: (known?.row.failed ?? 0) + (isError ? 1 : 0),
      },
    });
    if (this.#kept.size > MOST) this.#kept.delete(this.#kept.keys().next().value!);
  }

  /** The newest first. */
  rows(): TraceRow[] {
    return [...this.#kept.values()].reverse().map(({ row }) => row);
  }
}
