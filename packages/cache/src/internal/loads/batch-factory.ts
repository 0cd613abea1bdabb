import { cacheErrors } from '../../errors.ts';
import type { FactoryMany } from '../../options.ts';

/** Thrown inside a load whose batch factory left the key out. Never reaches an application. */
export class NotMade extends Error {}

// A key whose lease another process holds must not keep the others waiting.
const MAX_WAIT_MS = 10;

/** A load that has come to its factory. */
interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Collects the keys whose loads have come to their factory, and runs one factory for all of them. */
export class BatchFactory<T> {
  readonly #factory: FactoryMany<T>;
  /** Keys whose loads may still come. */
  readonly #expected: Set<string>;
  #waiting = new Map<string, Waiting<T>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(factory: FactoryMany<T>, keys: Iterable<string>) {
    this.#factory = factory;
    this.#expected = new Set(keys);
  }

  /** The factory of one key. */
  make(key: string, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(key, { resolve, reject, signal });
      this.#timer ??= setTimeout(this.#run, MAX_WAIT_MS);
      this.leave(key);
    });
  }

  /**
   * Nobody waits any longer for the load of a key to come: it is here,
   * ended without its factory, or is another caller's.
   */
  leave(key: string): void {
    this.#expected.delete(key);
    if (this.#expected.size === 0 && this.#waiting.size > 0) this.#run();
  }

  readonly #run = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    const signal = whenAllAbort(Array.from(waiting.values(), (one) => one.signal));
    Promise.resolve()
      .then(() => this.#factory([...waiting.keys()], { signal }))
      .then(asMap)
      .then(
        (made) => {
          for (const [key, { resolve, reject }] of waiting) {
            if (made.has(key)) resolve(made.get(key) as T);
            else reject(new NotMade());
          }
        },
        (error: unknown) => {
          for (const { reject } of waiting.values()) reject(error);
        },
      );
  };
}

/** Aborts when the last of the signals does. */
function whenAllAbort(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  let left = signals.length;
  for (const signal of signals) {
    const onAbort = (): void => {
      if (--left === 0) controller.abort(signal.reason);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }
  return controller.signal;
}

function asMap<T>(made: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  if (made instanceof Map) return made;
  throw cacheErrors.invalid_argument('The factory of getOrSetMany must give a Map.');
}
