import { cacheErrors } from '../errors.ts';
import type { FactoryMany } from '../options.ts';

/** Thrown inside a load whose batch factory left the key out. Never reaches an application. */
export class NotMade extends Error {}

// A key whose lease another process holds must not keep the others waiting.
const MAX_WAIT_MS = 10;

/** Collects the keys whose loads have come to their factory, and runs one factory for all of them. */
export class ManyFactory<T> {
  readonly #factory: FactoryMany<T>;
  /** Loads that may still come. */
  #expected: number;
  #waiting = new Map<string, { resolve: (value: T) => void; reject: (error: unknown) => void; signal: AbortSignal }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(factory: FactoryMany<T>, expected: number) {
    this.#factory = factory;
    this.#expected = expected;
  }

  /** The factory of one key. */
  make(key: string, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(key, { resolve, reject, signal });
      this.#timer ??= setTimeout(() => this.#run(), MAX_WAIT_MS);
      this.#arrive();
    });
  }

  /** A load that ended without its factory, or never began. */
  without(): void {
    this.#arrive();
  }

  #arrive(): void {
    this.#expected--;
    if (this.#expected <= 0 && this.#waiting.size > 0) this.#run();
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    const controller = new AbortController();
    let left = waiting.size;
    for (const { signal } of waiting.values()) {
      const onAbort = (): void => {
        if (--left === 0) controller.abort(signal.reason);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    }
    Promise.resolve()
      .then(() => this.#factory([...waiting.keys()], { signal: controller.signal }))
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
  }
}

function asMap<T>(made: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  if (made instanceof Map) return made;
  throw cacheErrors.invalid_argument('the factory of getOrSetMany must give a Map');
}
