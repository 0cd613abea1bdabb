import { EntError } from '@ent/errors';
import { traced } from '@ent/internal';
import { channels, type QueryOperation } from '../channels.ts';
import type { Awaitable, DatabaseDriver } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import type { CallOptions } from '../options.ts';
import { beginCall, type DatabaseCall } from './call.ts';
import { backoff, isConflict, wrapped } from './faults.ts';
import { Fullness } from './fullness.ts';
import { nameOf, type Operation, type Work } from './operation.ts';
import { type Scope, Scopes, type Unit } from './scope.ts';
import { Sessions } from './sessions.ts';
import { Turn } from './turn.ts';

/** What calls and transactions get that say nothing else. */
export interface Defaults {
  readonly timeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly retries: number;
}

/**
 * Runs calls: each on the session of the transaction around it or on one of its own, within its deadline, with errors
 * wrapped, conflicts retried and telemetry published.
 */
export class Calls {
  readonly driver: DatabaseDriver;
  readonly defaults: Defaults;
  readonly sessions: Sessions;
  readonly scopes = new Scopes();
  readonly fullness = new Fullness();
  readonly #turn = new Turn();

  constructor(driver: DatabaseDriver, defaults: Defaults) {
    this.driver = driver;
    this.defaults = defaults;
    this.sessions = new Sessions(driver, defaults.timeoutMs);
  }

  /** @param bound the transaction of the handle that was used */
  run<R>(bound: Scope | undefined, operation: Operation, options: CallOptions | undefined, work: Work<R>): Promise<R> {
    const scope = this.scopes.of(bound);
    if (!channels.query.hasSubscribers) return this.#run(scope, operation, options, work, undefined);
    const event: QueryOperation = {
      system: this.driver.name,
      namespace: this.driver.namespace,
      operation: operation.operation,
      entity: operation.entity,
      inTransaction: scope !== undefined,
    };
    return traced(channels.query, event, async () => {
      try {
        const result = await this.#run(scope, operation, options, work, event);
        event.rows = rowsOf(result);
        return result;
      } catch (error) {
        if (EntError.is(error)) event.errorCode = error.code;
        throw error;
      }
    });
  }

  /** A step of a transaction itself: a session that was cut off is marked. */
  step(unit: Unit, call: DatabaseCall, ask: () => Awaitable<void>): Awaitable<void> {
    return this.sessions.ask(call, ask, (broken) => {
      unit.broken ||= broken;
    });
  }

  async #run<R>(
    scope: Scope | undefined,
    operation: Operation,
    options: CallOptions | undefined,
    work: Work<R>,
    event: QueryOperation | undefined,
  ): Promise<R> {
    // A call inside a transaction may take what is left of the transaction's time.
    const call = beginCall(options, scope === undefined ? this.defaults.timeoutMs : Infinity, operation, scope?.call);
    const recorded = scope?.unit.statements;
    if (event !== undefined || recorded !== undefined) {
      call.onStatement = (statement) => {
        if (event !== undefined) event.statement = statement;
        recorded?.push(statement);
      };
    }
    if (scope === undefined) this.sessions.enter(this.scopes);
    try {
      options?.signal?.throwIfAborted();
      if (scope !== undefined) return await this.#within(scope, operation, call, work);
      const result = await this.#alone(operation, call, work);
      if (operation.use === 'write') this.fullness.isSuspected = false;
      return result;
    } catch (error) {
      const failure = wrapped(this.driver, error, operation);
      this.fullness.failed(failure);
      throw failure;
    } finally {
      call.dispose();
      if (scope === undefined) this.sessions.leave();
    }
  }

  /** Outside of a transaction: on a session of its own; again after a conflict, since nothing was done. */
  async #alone<R>(operation: Operation, call: DatabaseCall, work: Work<R>): Promise<R> {
    const pause = this.#turn.pause();
    if (pause !== undefined) await pause;
    for (let attempt = 1; ; attempt += 1) {
      try {
        // What is there at once is not awaited: each `await` is a turn of the microtask queue.
        const acquired = this.sessions.acquire(operation.use, false, call);
        const session: unknown = acquired instanceof Promise ? await acquired : acquired;
        const answer = this.sessions.ask(
          call,
          () => work(session, call),
          (broken) => this.sessions.release(session, broken),
        );
        return answer instanceof Promise ? await answer : answer;
      } catch (error) {
        if (attempt > this.defaults.retries || !isConflict(this.driver, error)) throw error;
        await call.sleep(backoff(attempt));
      }
    }
  }

  /** In a transaction: on its session, when it is this call's turn. */
  async #within<R>(scope: Scope, operation: Operation, call: DatabaseCall, work: Work<R>): Promise<R> {
    const { unit } = scope;
    unit.assertUsable(operation);
    // Whether a native statement writes is for the database to say.
    if (operation.use === 'write' && scope.readOnly && operation.operation !== 'native') {
      throw databaseErrors.read_only(
        `${nameOf({ ...operation, entity: operation.entity ?? 'database' })}: the transaction is read-only.`,
      );
    }
    // From here on the end of the transaction waits for this call.
    unit.begin();
    try {
      const pause = this.#turn.pause();
      if (pause !== undefined) await pause;
      call.check();
      if (!unit.gate.tryTake()) {
        call.waitingFor = 'an earlier call or a savepoint of the same transaction';
        await unit.gate.take(call.signal);
        call.waitingFor = undefined;
      }
      return await this.#inside(unit, operation, call, work);
    } finally {
      unit.end();
    }
  }

  async #inside<R>(unit: Unit, operation: Operation, call: DatabaseCall, work: Work<R>): Promise<R> {
    let cut = false;
    try {
      // It may have ended or failed while this call waited.
      unit.assertUsable(operation, true);
      return await this.sessions.ask(
        call,
        () => work(unit.session, call),
        (broken) => {
          cut = broken;
          unit.broken ||= broken;
        },
      );
    } catch (error) {
      // What the driver refused before it did anything is one of our errors, and no reason to end the transaction.
      if (cut || !EntError.is(error)) unit.failure ??= wrapped(this.driver, error, operation);
      throw error;
    } finally {
      unit.gate.give();
    }
  }
}

function rowsOf(result: unknown): number {
  if (Array.isArray(result)) return result.length;
  if (typeof result === 'number') return result;
  if (typeof result === 'object' && result !== null) return 'matched' in result ? Number(result.matched) : 1;
  return result === null || result === undefined ? 0 : 1;
}
