import type { SettleResult, WireMessage } from '../driver.ts';
import type { Clock } from '../options.ts';

/** A delivery: the message, for one subscriber, until its lease ends. */
export interface Taken {
  readonly message: WireMessage;
  readonly attempt: number;
}

/** What a group of a topic has to do. */
export interface Queue {
  /** Appends a message; `before` places it so many messages earlier. */
  add(message: WireMessage, before: number): void;
  /** Resolves when something may be ready, or when one of the signals aborts. */
  arrival(...signals: readonly AbortSignal[]): Promise<void>;
  /** Passes an arrival on that its waiter can not use. */
  wakeNext(): void;
  take(max: number): Taken[];
  remove(taken: Taken): SettleResult;
  /** Back to its place, as if it had not been delivered. */
  release(taken: Taken): SettleResult;
  /** Back to its place after a delay; its next delivery counts one more attempt. */
  retry(taken: Taken, delayMs: number): SettleResult;
  renew(taken: Taken): SettleResult;
  readonly ready: number;
  readonly delayed: number;
  readonly leased: number;
}

interface Entry {
  readonly message: WireMessage;
  /** The place in the order of arrival. */
  readonly place: number;
  readonly attempt: number;
}

export function createQueue(clock: Clock, leaseMs: number): Queue {
  /** New messages, in the order of arrival, from `head` on. */
  let fresh: Entry[] = [];
  let head = 0;
  /** Messages that came back, by place: they are older than most of what waits, and few. */
  const returned: Entry[] = [];
  /** By the end of the lease: all leases are equally long, and a renewed one goes to the end. */
  const leased = new Map<Taken, { entry: Entry; endsAt: number }>();
  const waiters = new Set<() => void>();
  let places = 0;
  let delayed = 0;
  let expiring = false;

  const ready = (): number => fresh.length - head + returned.length;

  const wakeNext = (): void => {
    const [first] = waiters;
    if (first && ready() > 0) first();
  };

  const putBack = (entry: Entry): void => {
    let low = 0;
    let high = returned.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((returned[middle] as Entry).place < entry.place) low = middle + 1;
      else high = middle;
    }
    returned.splice(low, 0, entry);
    wakeNext();
  };

  const next = (): Entry | undefined => {
    const [old] = returned;
    const young = fresh[head];
    if (old && (!young || old.place < young.place)) return returned.shift();
    if (!young) return undefined;
    head++;
    // The taken part is cut off now and then, in one move.
    if (head > 1024 && head * 2 > fresh.length) {
      fresh = fresh.slice(head);
      head = 0;
    }
    return young;
  };

  const lease = (taken: Taken, entry: Entry): void => {
    leased.set(taken, { entry, endsAt: clock.now() + leaseMs });
    expireLater(leaseMs);
  };

  const expireLater = (ms: number): void => {
    if (expiring) return;
    expiring = true;
    clock.after(ms, () => {
      expiring = false;
      const now = clock.now();
      for (const [taken, { entry, endsAt }] of leased) {
        if (endsAt > now) return expireLater(endsAt - now);
        leased.delete(taken);
        // Its subscriber has died, or is lost in it: that counts as an attempt, or it would kill one after the other.
        putBack({ ...entry, attempt: entry.attempt + 1 });
      }
    });
  };

  const end = (taken: Taken, then: (entry: Entry) => void): SettleResult => {
    const found = leased.get(taken);
    if (!found) return 'stale';
    leased.delete(taken);
    then(found.entry);
    return 'ok';
  };

  return {
    add(message, before) {
      const entry = { message, place: places++, attempt: 1 };
      if (before === 0) fresh.push(entry);
      else fresh.splice(Math.max(head, fresh.length - before), 0, entry);
      wakeNext();
    },
    arrival(...signals) {
      return new Promise((resolve) => {
        if (ready() > 0 || signals.some(({ aborted }) => aborted)) return resolve();
        const wake = (): void => {
          waiters.delete(wake);
          for (const signal of signals) signal.removeEventListener('abort', wake);
          resolve();
        };
        waiters.add(wake);
        for (const signal of signals) signal.addEventListener('abort', wake, { once: true });
      });
    },
    wakeNext,
    take(max) {
      const all: Taken[] = [];
      while (all.length < max) {
        const entry = next();
        if (!entry) break;
        const taken: Taken = { message: entry.message, attempt: entry.attempt };
        lease(taken, entry);
        all.push(taken);
      }
      return all;
    },
    remove: (taken) => end(taken, () => {}),
    release: (taken) => end(taken, putBack),
    retry: (taken, delayMs) =>
      end(taken, (entry) => {
        const again = { ...entry, attempt: entry.attempt + 1 };
        if (delayMs <= 0) return putBack(again);
        delayed++;
        clock.after(delayMs, () => {
          delayed--;
          putBack(again);
        });
      }),
    renew: (taken) =>
      end(taken, (entry) => {
        leased.set(taken, { entry, endsAt: clock.now() + leaseMs });
      }),
    get ready() {
      return ready();
    },
    get delayed() {
      return delayed;
    },
    get leased() {
      return leased.size;
    },
  };
}
