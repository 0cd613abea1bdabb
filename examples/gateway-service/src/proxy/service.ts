import { z } from 'zod';
import { gatewayErrors } from '../errors.ts';
import type { ServiceDefinition } from '../routes.ts';
import { medianOf, SlowLimits } from './pace.ts';
import { Target } from './target.ts';

/** The instances of a service, and how many calls may be tried again. */
export class Service {
  readonly name: string;
  readonly targets: readonly Target[];
  readonly retries = new RetryBudget();
  readonly #slow: SlowLimits | undefined;
  #next = 0;

  constructor(name: string, definition: ServiceDefinition) {
    this.name = name;
    this.targets = definition.targets.map((url) => new Target(url));
    const slow = slowLimitsOf(name, definition);
    // One alone has no peers.
    if (this.targets.length > 1) this.#slow = slow;
  }

  /**
   * The instance with the fewest open calls among those that are not left out; in turn where they are equal. Slow ones
   * are passed over, as long as there is another.
   *
   * @param tried not these, as long as there is another, be it a slow one
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
    const untried = fresh.length > 0 ? fresh : available;
    const now = performance.now();
    const quick = untried.filter(({ pace }) => !pace.isSlow(now));
    const candidates = quick.length > 0 ? quick : untried;
    const start = this.#next++ % candidates.length;
    let best = candidates[start] as Target;
    for (const target of candidates) if (target.open < best.open) best = target;
    return best;
  }

  /** An instance took so long to the head of an answer, or gave none within the limit of the route. */
  took(target: Target, ms: number): void {
    const limits = this.#slow;
    if (limits === undefined || !target.pace.add(ms, limits.samples)) return;
    const now = performance.now();
    const others = this.targets.filter((other) => other !== target && other.available && !other.pace.isSlow(now));
    const usual = medianOf(others.flatMap(({ pace }) => pace.median ?? []));
    const { median } = target.pace;
    if (usual === undefined || median === undefined) return;
    if (median < limits.minMs || median <= usual * limits.factor) return target.pace.keep();
    const gone = this.targets.length - others.length;
    if (gone <= limits.share * this.targets.length) target.pace.passOver(limits.firstMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.targets.map((target) => target.pool.destroy()));
  }
}

function slowLimitsOf(name: string, { slow = {} }: ServiceDefinition): SlowLimits | undefined {
  if (slow === false) return undefined;
  const { data, error } = SlowLimits.safeParse(slow);
  if (data !== undefined) return data;
  throw gatewayErrors.invalid_table(`The service "${name}": slow: ${z.prettifyError(error)}`);
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
