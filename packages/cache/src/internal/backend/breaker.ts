/** When a circuit breaker opens, and for how long. */
export interface BreakerPlan {
  readonly failures: number;
  readonly cooldownMs: number;
}

/**
 * The circuit breaker of a server that has failed and did not answer since: after so many failures in a row it admits
 * nothing for the cooldown, then one probe, whose outcome decides. Times come from the monotonic clock.
 */
export class Breaker {
  readonly #plan: BreakerPlan;
  #failures = 0;
  #openUntil = 0;
  #isProbing = false;

  constructor(plan: BreakerPlan) {
    this.#plan = plan;
  }

  /** Whether a call may be tried. */
  admits(): boolean {
    if (this.#failures < this.#plan.failures) return true;
    if (this.#isProbing || performance.now() < this.#openUntil) return false;
    this.#isProbing = true;
    return true;
  }

  failed(): void {
    this.#failures++;
    this.#isProbing = false;
    if (this.#failures >= this.#plan.failures) this.#openUntil = performance.now() + this.#plan.cooldownMs;
  }

  /** Milliseconds until a probe is let through. */
  get retryAfterMs(): number {
    return Math.max(0, Math.ceil(this.#openUntil - performance.now()));
  }
}
