import type { SettleResult, WireMessage } from '../driver.ts';
import { HEADERS, priorityOf } from '../message.ts';
import type { Clock } from '../options.ts';
import { Heap } from './heap.ts';

/** A delivery: the message, for one subscriber, until its lease ends. */
export interface Taken {
  readonly entry: Entry;
  /** Of its lease. */
  endsAt: number;
}

/** A message of the group. */
export interface Entry {
  readonly message: WireMessage;
  /** The place in the order of arrival. */
  readonly place: number;
  /** The higher comes first. */
  readonly priority: number;
  readonly attempt: number;
}

/** What a group of a topic has to do. */
export class Queue {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  /** New messages, in the order of arrival, from `head` on. */
  #fresh: Entry[] = [];
  #head = 0;
  /** Messages that came back, and those of a priority, the next one on top. */
  readonly #returned = new Heap<Entry>((a, b) => isBefore(a, b));
  /** By the end of the lease: all leases are equally long, and a renewed one goes to the end. */
  readonly #leased = new Set<Taken>();
  readonly #waiters = new Set<() => void>();
  #places = 0;
  #delayed = 0;
  #expiring = false;

  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
  }

  get ready(): number {
    return this.#fresh.length - this.#head + this.#returned.size;
  }

  get delayed(): number {
    return this.#delayed;
  }

  get leased(): number {
    return this.#leased.size;
  }

  /** Appends a message; `before` places it so many messages earlier. */
  add(message: WireMessage, before: number): void {
    const priority = message.headers[HEADERS.priority] === undefined ? 0 : priorityOf(message);
    const entry = { message, place: this.#places++, priority, attempt: 1 };
    if (priority > 0) this.#returned.push(entry);
    else if (before === 0) this.#fresh.push(entry);
    else this.#fresh.splice(Math.max(this.#head, this.#fresh.length - before), 0, entry);
    this.wakeNext();
  }

  /** Resolves when something may be ready, or when one of the signals aborts. */
  arrival(...signals: readonly AbortSignal[]): Promise<void> {
    return new Promise((resolve) => {
      if (this.ready > 0 || signals.some(({ aborted }) => aborted)) return resolve();
      const wake = (): void => {
        this.#waiters.delete(wake);
        for (const signal of signals) signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiters.add(wake);
      for (const signal of signals) signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** Passes an arrival on that its waiter cannot use. */
  wakeNext(): void {
    const [first] = this.#waiters;
    if (first && this.ready > 0) first();
  }

  take(max: number): Taken[] {
    const all: Taken[] = [];
    const endsAt = this.#clock.now() + this.#leaseMs;
    while (all.length < max) {
      const entry = this.#next();
      if (!entry) break;
      const taken: Taken = { entry, endsAt };
      this.#leased.add(taken);
      all.push(taken);
    }
    if (all.length > 0) this.#expireIn(this.#leaseMs);
    return all;
  }

  /** The first messages, in their order, also those that somebody has; not those that are delayed. */
  first(max: number): WireMessage[] {
    const leased = [...this.#leased].map(({ entry }) => entry);
    const fresh = this.#fresh.slice(this.#head, this.#head + max);
    const all = [...leased, ...this.#returned.items, ...fresh].sort((a, b) => (isBefore(a, b) ? -1 : 1));
    return all.slice(0, max).map(({ message }) => message);
  }

  remove(taken: Taken): SettleResult {
    return this.#end(taken) ? 'ok' : 'stale';
  }

  /** Back to its place, as if it had not been delivered. */
  release(taken: Taken): SettleResult {
    const entry = this.#end(taken);
    if (!entry) return 'stale';
    this.#putBack(entry);
    return 'ok';
  }

  /** Back to its place after a delay; its next delivery counts one more attempt, unless it was not tried. */
  retry(taken: Taken, delayMs: number, wasTried = true): SettleResult {
    const entry = this.#end(taken);
    if (!entry) return 'stale';
    const again = { ...entry, attempt: entry.attempt + (wasTried ? 1 : 0) };
    if (delayMs <= 0) {
      this.#putBack(again);
      return 'ok';
    }
    this.#delayed++;
    this.#clock.after(delayMs, () => {
      this.#delayed--;
      this.#putBack(again);
    });
    return 'ok';
  }

  renew(taken: Taken): SettleResult {
    if (!this.#leased.delete(taken)) return 'stale';
    taken.endsAt = this.#clock.now() + this.#leaseMs;
    this.#leased.add(taken);
    return 'ok';
  }

  #next(): Entry | undefined {
    const old = this.#returned.size === 0 ? undefined : this.#returned.top;
    const young = this.#fresh[this.#head];
    if (old && (!young || isBefore(old, young))) return this.#returned.pop();
    if (!young) return undefined;
    this.#head++;
    // The taken part is cut off now and then, in one move.
    if (this.#head > 1024 && this.#head * 2 > this.#fresh.length) {
      this.#fresh = this.#fresh.slice(this.#head);
      this.#head = 0;
    }
    return young;
  }

  #putBack(entry: Entry): void {
    this.#returned.push(entry);
    this.wakeNext();
  }

  #end(taken: Taken): Entry | undefined {
    return this.#leased.delete(taken) ? taken.entry : undefined;
  }

  #expireIn(ms: number): void {
    if (this.#expiring) return;
    this.#expiring = true;
    this.#clock.after(ms, () => {
      this.#expiring = false;
      const now = this.#clock.now();
      for (const taken of this.#leased) {
        const { entry, endsAt } = taken;
        if (endsAt > now) return this.#expireIn(endsAt - now);
        this.#leased.delete(taken);
        // Its subscriber has died, or is lost in it: that counts as an attempt, or it would kill one after the other.
        this.#putBack({ ...entry, attempt: entry.attempt + 1 });
      }
    });
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.priority === b.priority ? a.place < b.place : a.priority > b.priority;
}
