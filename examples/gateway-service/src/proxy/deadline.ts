import type { NodeExchange } from '@ent/middleware/node';
import { gatewayErrors } from '../errors.ts';

const WHOLE = /^\d{1,15}$/;

/**
 * Ends a call with its client, or when it is too late: by the route's limit, or by what a caller says that waits for
 * less. An `AbortSignal` would do, at a tenth of what a call costs.
 */
export class Deadline {
  /** Why the call ended. */
  reason: Error | undefined;
  /** Is called once, when it ends. */
  onEnd: (() => void) | undefined;
  readonly #at: number;
  readonly #isRoutes: boolean;
  readonly #timer: NodeJS.Timeout;

  constructor({ req, res }: NodeExchange, limitMs: number) {
    const given = req.headers['x-request-timeout-ms'];
    const ms = typeof given === 'string' && WHOLE.test(given) ? Math.min(limitMs, Number(given)) : limitMs;
    this.#isRoutes = ms === limitMs;
    this.#at = performance.now() + ms;
    this.#timer = setTimeout(() => {
      this.#end(gatewayErrors.timed_out(`The service gave no answer within ${ms} ms.`));
    }, ms);
    res.once('close', () => {
      if (!res.writableFinished) this.#end(new Error('The client went away.'));
    });
  }

  /**
   * The instance gave no answer within the limit of the route. That a client went away, or waits for a millisecond,
   * says nothing of it.
   */
  get isLate(): boolean {
    return this.#isRoutes && (this.reason as { code?: unknown } | undefined)?.code === gatewayErrors.timed_out.code;
  }

  /** How many milliseconds are left. */
  left(): number {
    return Math.max(0, Math.round(this.#at - performance.now()));
  }

  /** There is an answer: it may take as long as it likes. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #end(reason: Error): void {
    if (this.reason !== undefined) return;
    this.stop();
    this.reason = reason;
    this.onEnd?.();
  }
}
