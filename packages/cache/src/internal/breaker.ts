/**
 * A circuit breaker: after so many failures in a row it admits nothing for the cooldown, then one probe, whose outcome decides.
 * Times come from the monotonic clock.
 */
export class Breaker {
  readonly #limit: number;
  readonly #cooldownMs: number;
  #failures = 0;
  #openUntil = 0;
  #probing = false;

  constructor(limit: number, cooldownMs: number) {
    this.#limit = limit;
    this.#cooldownMs = cooldownMs;
  }

  /** Whether a call may be tried. */
  admits(): boolean {
    if (this.#failures < this.#limit) return true;
    if (this.#probing || performance.now() < this.#openUntil) return false;
    this.#probing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  failed(): void {
    this.#failures++;
    this.#probing = false;
    if (this.#failures >= this.#limit) this.#openUntil = performance.now() + this.#cooldownMs;
  }

  /** Milliseconds until a probe is let through. */
  get retryAfterMs(): number {
    return Math.max(0, Math.ceil(this.#openUntil - performance.now()));
  }
}
