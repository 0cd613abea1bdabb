import type { Awaitable } from './awaitable.ts';
import type { Deadlines, TimedCall } from './deadlines.ts';
import { startTimer, type Timer } from './timer.ts';

type Watcher = (reason: unknown) => void;

/**
 * The time that one call may take, as drivers get it. Its signal and timer exist only once somebody asks for them: what
 * is answered at once would pay more for a timer than for the work; and a signal costs more than to be told.
 */
export class Call {
  /**
   * When the call ends at the latest, with what is around it. By `performance.now()`,
   * so that a step of the wall clock moves nothing.
   */
  readonly deadlineAt: number;
  /** When it began, by `performance.now()`: to read the clock again costs more than a step that waits for nothing. */
  readonly beganAt: number;
  /** What it waits for just now; the timeout error may repeat it. */
  waitingFor: string | undefined;
  readonly #endsAt: number;
  readonly #caller: AbortSignal | undefined;
  readonly #parent: Call | undefined;
  readonly #onTimeout: (call: Call) => Error;
  readonly #deadlines: Deadlines | undefined;
  #timed: TimedCall | undefined;
  /** Who is told when the time is up; there is a timer from the first one on. */
  #watchers: Set<Watcher> | undefined;
  #over: { readonly reason: unknown } | undefined;
  #controller: AbortController | undefined;
  #timer: Timer | undefined;
  #unlisten: (() => void) | undefined;

  /**
   * @param timeoutMs `Infinity` for a call that may take as long as its parent
   * @param onTimeout makes the error for a deadline that passed
   * @param caller gives the call up when it aborts
   * @param parent the call around it, which ends this one too: a transaction around its statements
   * @param deadlines of calls that all get this `timeoutMs`, which share a timer; without them it gets one of its own
   */
  constructor(
    timeoutMs: number,
    onTimeout: (call: Call) => Error,
    caller?: AbortSignal,
    parent?: Call,
    deadlines?: Deadlines,
  ) {
    this.beganAt = performance.now();
    this.#endsAt = this.beganAt + timeoutMs;
    this.deadlineAt = Math.min(this.#endsAt, parent?.deadlineAt ?? Infinity);
    this.#onTimeout = onTimeout;
    this.#caller = caller;
    this.#parent = parent;
    this.#deadlines = deadlines?.ms === timeoutMs ? deadlines : undefined;
  }

  /** Aborts at the deadline, or when the caller gives up. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      this.watch((reason) => controller.abort(reason));
    }
    return this.#controller.signal;
  }

  /** Throws if the time is up or the caller has given up. */
  check(): void {
    if (this.#over !== undefined) throw this.#over.reason;
    // The timer and the listeners tell.
    if (this.#watchers !== undefined) return;
    this.#caller?.throwIfAborted();
    this.#parent?.check();
    if (performance.now() >= this.#endsAt) throw this.#onTimeout(this);
  }

  /** Gives the call up for `reason`. */
  abort(reason: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = { reason };
    for (const watcher of this.#watchers ?? []) watcher(reason);
  }

  /**
   * Settles with `work`, or rejects when the time is up. Who calls this sees to it that a late outcome of `work` does
   * no harm.
   */
  guard<T>(work: Awaitable<T>): Awaitable<T> {
    if (!(work instanceof Promise)) return work;
    return new Promise<T>((resolve, reject) => {
      this.watch(reject);
      work.then(
        (value) => {
          this.unwatch(reject);
          resolve(value);
        },
        (error: unknown) => {
          this.unwatch(reject);
          reject(error);
        },
      );
    });
  }

  /** Waits, but not past the deadline. */
  async sleep(ms: number): Promise<void> {
    let timer: Timer | undefined;
    try {
      await this.guard(
        new Promise<void>((resolve) => {
          timer = startTimer(ms, resolve);
        }),
      );
    } finally {
      timer?.cancel();
    }
  }

  /** Stops the timer and lets go of the other signals. */
  dispose(): void {
    this.#timer?.cancel();
    if (this.#timed !== undefined) this.#deadlines?.end(this.#timed);
    this.#unlisten?.();
  }

  /** Tells `watcher` when the time is up, perhaps at once. */
  watch(watcher: Watcher): void {
    if (this.#over === undefined && this.#watchers === undefined) this.#arm();
    if (this.#over === undefined) this.#watchers?.add(watcher);
    else watcher(this.#over.reason);
  }

  unwatch(watcher: Watcher): void {
    this.#watchers?.delete(watcher);
  }

  #late(): Error {
    const error = this.#onTimeout(this);
    this.abort(error);
    return error;
  }

  #arm(): void {
    this.#watchers = new Set();
    if (this.#deadlines !== undefined) this.#timed = this.#deadlines.begin(() => this.#late());
    else if (this.#endsAt < Infinity) this.#timer = startTimer(this.#endsAt - performance.now(), () => this.#late());
    const [caller, parent] = [this.#caller, this.#parent];
    if (caller === undefined && parent === undefined) return;
    const onParent: Watcher = (reason) => this.abort(reason);
    const onCaller = (): void => this.abort(caller?.reason);
    this.#unlisten = () => {
      caller?.removeEventListener('abort', onCaller);
      parent?.unwatch(onParent);
    };
    if (caller?.aborted) onCaller();
    else caller?.addEventListener('abort', onCaller, { once: true });
    parent?.watch(onParent);
  }
}
