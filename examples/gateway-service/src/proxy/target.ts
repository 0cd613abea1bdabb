import { Pool } from 'undici';
import { Pace } from './pace.ts';

/** So many failures in a row leave an instance out. */
const FAILURES = 5;
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
/** How long bytes of an answer are waited for in between. */
const SILENCE_MS = 300_000;

/**
 * An instance of a service, with its connections.
 *
 * One that fails again and again is left out for a second, then for twice as long each time, up to half a minute. When
 * that is over a single call tries it. Durations are of the monotonic clock: an administrator who sets the wall clock
 * back would leave instances out for hours.
 */
export class Target {
  readonly url: string;
  readonly pool: Pool;
  readonly pace = new Pace();
  /** Calls on their way. */
  open = 0;
  #failures = 0;
  #outages = 0;
  #outUntil = 0;

  constructor(url: string) {
    this.url = url;
    // Pipelining would let a slow answer hold up another client's. HTTP/2 is not spoken, so that a connection that is
    // lost is that of one call.
    this.pool = new Pool(url, { pipelining: 1, allowH2: false, connectTimeout: 2_000, bodyTimeout: SILENCE_MS });
  }

  /** Whether a call may try it. */
  get available(): boolean {
    return performance.now() >= this.#outUntil;
  }

  /** How long it is left out still, in milliseconds. */
  get outFor(): number {
    return Math.max(0, this.#outUntil - performance.now());
  }

  /** A call begins. One that tries an instance which was out keeps others away until it is known how it went. */
  begin(): void {
    this.open++;
    if (this.#outages > 0) this.#outUntil = performance.now() + this.#duration();
  }

  /** A call is over; undefined where that says nothing of the instance. */
  end(healthy: boolean | undefined): void {
    this.open--;
    if (healthy === undefined) return;
    if (healthy) {
      this.#failures = this.#outages = this.#outUntil = 0;
      return;
    }
    this.#failures++;
    if (this.#failures < FAILURES && this.#outages === 0) return;
    this.#failures = 0;
    this.#outages++;
    this.#outUntil = performance.now() + this.#duration();
  }

  #duration(): number {
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, this.#outages - 1));
  }
}
