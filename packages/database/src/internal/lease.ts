import { EntError } from '@ent/errors';
import { startTimer, type Timer } from '@ent/internal';
import { channels, type ConnectionOperation } from '../channels.ts';
import type { DatabaseDriver } from '../driver.ts';
import { databaseErrors } from '../errors.ts';

/** Deep enough to reach the application's own code. */
const FRAMES = 50;
const TIMEOUTS: ReadonlySet<string> = new Set([databaseErrors.pool_timeout.code, databaseErrors.timeout.code]);

/**
 * One connection from being asked for to being given back, where somebody wants to know: who set `leakAfter`, or
 * listens to the channel.
 */
export class Lease {
  readonly #leakAfterMs: number | undefined;
  /** Where it was asked for: after the first wait a stack does not show the caller. */
  readonly #place: string | undefined;
  readonly #event: ConnectionOperation;
  #since = performance.now();
  #timer: Timer | undefined;

  constructor({ name: system, namespace, pool }: DatabaseDriver) {
    this.#leakAfterMs = pool?.leakAfterMs;
    this.#place = this.#leakAfterMs === undefined ? undefined : placeHere();
    this.#event = { system, namespace, pool: pool?.name ?? namespace };
    // As `traced` would with a promise that is settled later, and without that: there is one for each query.
    channels.connection.start.publish(this.#event);
    channels.connection.end.publish(this.#event);
  }

  #end(): void {
    channels.connection.asyncStart.publish(this.#event);
    channels.connection.asyncEnd.publish(this.#event);
  }

  taken(): this {
    this.#event.waitMs = this.#lap();
    const afterMs = this.#leakAfterMs;
    if (afterMs === undefined) return this;
    const tell = (): void =>
      process.emitWarning(`A database connection has been in use for more than ${afterMs} ms.`, {
        type: 'DatabaseLeakWarning',
        code: 'ENT_DATABASE_LEAK',
        detail: this.#place ?? '',
      });
    this.#timer = startTimer(afterMs, tell).unref();
    return this;
  }

  /** None came. */
  failed(error: unknown): void {
    this.#event.waitMs = this.#lap();
    this.#event.outcome = EntError.is(error) && TIMEOUTS.has(error.code) ? 'timeout' : 'failed';
    this.#end();
  }

  back(broken: boolean): void {
    this.#timer?.cancel();
    this.#event.useMs = this.#lap();
    this.#event.outcome = broken ? 'discarded' : 'returned';
    this.#end();
  }

  #lap(): number {
    const [before, now] = [this.#since, performance.now()];
    this.#since = now;
    return now - before;
  }
}

function placeHere(): string {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  const { stack } = new Error('A connection was taken here.');
  Error.stackTraceLimit = before;
  return stack ?? '';
}
