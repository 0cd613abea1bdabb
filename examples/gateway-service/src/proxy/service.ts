import { gatewayErrors } from '../errors.ts';
import type { ServiceDefinition } from '../routes.ts';
import { Target } from './target.ts';

/** The instances of a service, and how many calls may be tried again. */
export class Service {
  readonly name: string;
  readonly targets: readonly Target[];
  readonly retries = new RetryBudget();
  #next = 0;

  constructor(name: string, definition: ServiceDefinition) {
    this.name = name;
    this.targets = definition.targets.map((url) => new Target(url));
  }

  /**
   * The instance with the fewest open calls among those that are not left out; in turn where they are equal.
   *
   * @param tried not these, as long as there is another
   * @throws `gateway.service_unavailable` when all are left out
   */
  choose(tried: readonly Target[] = []): Target {
    const available = this.targets.filter((target) => target.available);
    if (available.length === 0) {
      throw gatewayErrors.service_unavailable(`All instances of ${this.name} are failing.`, {
        retryAfterMs: Math.min(...this.targets.map((target) => target.outFor)),
      });
    }
    const fresh = available.filter((target) => !tried.includes(target));
    const candidates = fresh.length > 0 ? fresh : available;
    const start = this.#next++ % candidates.length;
    let best = candidates[start] as Target;
    for (const target of candidates) if (target.open < best.open) best = target;
    return best;
  }

  async close(): Promise<void> {
    await Promise.all(this.targets.map((target) => target.pool.destroy()));
  }
}

/**
 * Lets a fifth of the calls be tried again, and ten whatever happens: a service that is down gets at most a fifth more
 * calls than without retries.
 */
class RetryBudget {
  static readonly #SHARE = 0.2;
  static readonly #MOST = 10;
  #left = RetryBudget.#MOST;

  /** A call came. */
  earn(): void {
    this.#left = Math.min(RetryBudget.#MOST, this.#left + RetryBudget.#SHARE);
  }

  /** Whether one more may be tried again. */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
