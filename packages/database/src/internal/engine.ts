import { AsyncLocalStorage } from 'node:async_hooks';
import { EntError } from '@ent/errors';
import { channels, type QueryOperation } from '../channels.ts';
import type { Awaitable, CallContext, DatabaseDriver } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import type { CallOptions } from '../options.ts';
import { Deadline } from './deadline.ts';
import { backoffMs, isConflict, wrapped } from './faults.ts';
import { AFTER_COMMIT, type Scope, type Unit } from './scope.ts';
import { Turn } from './turn.ts';

/** What a call is, for telemetry, messages and the choice of a session. */
export interface Operation {
  readonly operation: string;
  readonly entity?: string | undefined;
  readonly use: 'read' | 'write';
}

/** The part of a call that the driver does. */
export type Work<R> = (session: unknown, context: CallContext) => Awaitable<R>;

export interface EngineOptions {
  readonly timeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly retries: number;
}

/**
 * Runs calls: each on the session of the transaction around it or on one of its own, within its deadline, with errors
 * wrapped, conflicts retried and telemetry published.
 */
export class Engine {
  readonly driver: DatabaseDriver;
  readonly options: EngineOptions;
  readonly scopes = new AsyncLocalStorage<Scope | typeof AFTER_COMMIT | undefined>();
  #opening: Promise<void> | undefined;
  #opened = false;
  #closing: Promise<void> | undefined;
  #closed = false;
  readonly #turn = new Turn();
  #inFlight = 0;
  #idle: (() => void) | undefined;

  constructor(driver: DatabaseDriver, options: EngineOptions) {
    this.driver = driver;
    this.options = options;
  }

  /**
   * The innermost scope that a call belongs to. A handle of an outer transaction that is used inside an inner one means
   * the inner one; a handle that is used where the async context was lost (an event, a queue) means its own.
   */
  scopeOf(bound: Scope | undefined): Scope | undefined {
    const store = this.scopes.getStore();
    const current = store === AFTER_COMMIT ? undefined : store;
    if (bound === undefined) return current;
    for (let scope = current; scope !== undefined; scope = scope.parent) if (scope === bound) return current;
    return bound;
  }

  run<R>(bound: Scope | undefined, operation: Operation, options: CallOptions | undefined, work: Work<R>): Promise<R> {
    const scope = this.scopeOf(bound);
    const { query } = channels;
    if (!query.hasSubscribers) return this.#run(scope, operation, options, work, undefined);
    const payload: QueryOperation = {
      system: this.driver.name,
      namespace: this.driver.namespace,
      operation: operation.operation,
      entity: operation.entity,
      inTransaction: scope !== undefined,
    };
    return this.#traced(query, payload, () => this.#run(scope, operation, options, work, payload));
  }

  async #traced<R>(channel: typeof channels.query, payload: QueryOperation, work: () => Promise<R>): Promise<R> {
    let result: R | undefined;
    // The channel adds what its promise resolves with to the payload; rows have no business in telemetry.
    await channel.tracePromise(async () => {
      try {
        result = await work();
        payload.rows = rowsOf(result);
      } catch (error) {
        if (EntError.is(error)) payload.errorCode = error.code;
        throw error;
      }
    }, payload);
    return result as R;
  }

  async #run<R>(
    scope: Scope | undefined,
    operation: Operation,
    options: CallOptions | undefined,
    work: Work<R>,
    payload: QueryOperation | undefined,
  ): Promise<R> {
    // A call inside a transaction may take what is left of the transaction's time.
    const deadline = this.deadline(options, scope === undefined ? this.options.timeoutMs : Infinity, operation, scope);
    const recorded = scope?.unit.statements;
    if (payload !== undefined || recorded !== undefined) {
      deadline.onStatement = (statement) => {
        if (payload !== undefined) payload.statement = statement;
        recorded?.push(statement);
      };
    }
    if (scope === undefined) this.enter();
    try {
      options?.signal?.throwIfAborted();
      return await (scope === undefined
        ? this.#alone(operation, deadline, work)
        : this.#within(scope, operation, deadline, work));
    } catch (error) {
      throw wrapped(this.driver, error, operation);
    } finally {
      deadline.dispose();
      if (scope === undefined) this.leave();
    }
  }

  /** Outside of a transaction: on a session of its own; again after a conflict, since nothing was done. */
  async #alone<R>(operation: Operation, deadline: Deadline, work: Work<R>): Promise<R> {
    const pause = this.#turn.pause();
    if (pause !== undefined) await pause;
    for (let attempt = 1; ; attempt += 1) {
      try {
        // What is there at once is not awaited: each `await` is a turn of the microtask queue.
        const acquired = this.acquire(operation.use, false, deadline);
        const session: unknown = acquired instanceof Promise ? await acquired : acquired;
        const answer = this.#ask(
          deadline,
          () => work(session, deadline),
          (broken) => this.driver.release(session, broken),
        );
        return answer instanceof Promise ? await answer : answer;
      } catch (error) {
        if (attempt > this.options.retries || !isConflict(this.driver, error)) throw error;
        await deadline.sleep(backoffMs(attempt));
      }
    }
  }

  /** In a transaction: on its session, when it is this call's turn. */
  async #within<R>(scope: Scope, operation: Operation, deadline: Deadline, work: Work<R>): Promise<R> {
    const { unit } = scope;
    assertUsable(unit, operation);
    // Whether a native statement writes is for the database to say.
    if (operation.use === 'write' && scope.readOnly && operation.operation !== 'native') {
      throw databaseErrors.read_only(
        `${operation.entity ?? 'database'}.${operation.operation}: the transaction is read-only.`,
      );
    }
    // From here on the end of the transaction waits for this call.
    unit.begin();
    try {
      const pause = this.#turn.pause();
      if (pause !== undefined) await pause;
      deadline.check();
      if (!unit.gate.tryTake()) {
        deadline.waitingFor = 'an earlier call or a savepoint of the same transaction';
        await unit.gate.take(deadline.signal);
        deadline.waitingFor = undefined;
      }
      return await this.#inside(unit, operation, deadline, work);
    } finally {
      unit.end();
    }
  }

  async #inside<R>(unit: Unit, operation: Operation, deadline: Deadline, work: Work<R>): Promise<R> {
    let cut = false;
    try {
      // It may have ended or failed while this call waited.
      assertUsable(unit, operation, true);
      return await this.#ask(
        deadline,
        () => work(unit.session, deadline),
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

  /**
   * Asks the driver, waits for its answer within the deadline, and tells `done` whether the session can still be used.
   */
  #ask<R>(deadline: Deadline, ask: () => Awaitable<R>, done: (broken: boolean) => void): Awaitable<R> {
    let answer: Awaitable<R>;
    try {
      answer = ask();
    } catch (error) {
      done(this.#breaks(error));
      throw error;
    }
    if (answer instanceof Promise) return this.#await(deadline, answer, done);
    done(false);
    return answer;
  }

  async #await<R>(deadline: Deadline, answer: Promise<R>, done: (broken: boolean) => void): Promise<R> {
    // Until the driver has answered, nobody knows what is on its way on this session.
    let broken = true;
    const known = answer.then(
      (result) => {
        broken = false;
        return result;
      },
      (error: unknown) => {
        broken = this.#breaks(error);
        throw error;
      },
    );
    try {
      return await deadline.guard(known);
    } finally {
      done(broken);
    }
  }

  #breaks(error: unknown): boolean {
    return this.driver.classify(error)?.broken === true;
  }

  /** The same for a step of a transaction: a session that was cut off is marked. */
  step(unit: Unit, deadline: Deadline, ask: () => Awaitable<void>): Awaitable<void> {
    return this.#ask(deadline, ask, (broken) => {
      unit.broken ||= broken;
    });
  }

  /** A session, within the deadline. */
  acquire(use: 'read' | 'write', forTransaction: boolean, deadline: Deadline): Awaitable<unknown> {
    if (!this.#opened) {
      const opened = Promise.resolve(deadline.guard(this.#open()));
      return opened.then(() => this.#acquire(use, forTransaction, deadline));
    }
    return this.#acquire(use, forTransaction, deadline);
  }

  #acquire(use: 'read' | 'write', forTransaction: boolean, deadline: Deadline): Awaitable<unknown> {
    deadline.check();
    const session = this.driver.acquire(use, forTransaction, deadline);
    return session instanceof Promise ? this.#arrival(session, deadline) : session;
  }

  /** Waits for a session; one that arrives too late goes back. */
  async #arrival(session: Promise<unknown>, deadline: Deadline): Promise<unknown> {
    let late = false;
    session.then(
      (arrived) => {
        if (late) this.driver.release(arrived, false);
      },
      () => {},
    );
    try {
      return await deadline.guard(session);
    } catch (error) {
      late = true;
      throw error;
    }
  }

  #open(): Promise<void> {
    if (this.#opening !== undefined) return this.#opening;
    const opening = this.#openOnce();
    this.#opening = opening;
    // The next call tries again.
    opening.catch(() => {
      this.#opening = undefined;
    });
    return opening;
  }

  async #openOnce(): Promise<void> {
    const deadline = this.deadline(undefined, this.options.timeoutMs, { operation: 'open' });
    try {
      await deadline.guard(this.driver.open(deadline));
      this.#opened = true;
    } catch (error) {
      throw wrapped(this.driver, error, { operation: 'open' });
    } finally {
      deadline.dispose();
    }
  }

  /** The time that a call may take, and what to say when it is over. */
  deadline(
    options: CallOptions | undefined,
    defaultMs: number,
    { operation, entity }: { readonly operation: string; readonly entity?: string | undefined },
    scope?: Scope,
  ): Deadline {
    const timeoutMs = options?.timeoutMs ?? defaultMs;
    if (!(timeoutMs > 0)) {
      throw databaseErrors.invalid_query(
        `timeoutMs must be a positive number of milliseconds; it is ${Number(timeoutMs)}.`,
      );
    }
    const what = entity === undefined ? operation : `${entity}.${operation}`;
    const late = ({ waitingFor }: Deadline): Error =>
      databaseErrors.timeout(
        `${what} took longer than ${timeoutMs} ms${waitingFor === undefined ? '' : `, waiting for ${waitingFor}`}.`,
      );
    return new Deadline(timeoutMs, late, options?.signal, scope?.deadline);
  }

  /** Counts a call or a transaction as in flight; refused once `close` was called. */
  enter(): void {
    const isHook = this.scopes.getStore() === AFTER_COMMIT && !this.#closed;
    if (this.#closing !== undefined && !isHook) {
      throw databaseErrors.closed('The database was closed; this call came after close().');
    }
    this.#inFlight += 1;
  }

  leave(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#idle?.();
  }

  /** Refuses new calls, waits for those in flight, and closes the driver; the same promise for every call. */
  async close(options: CallOptions | undefined): Promise<void> {
    if (this.scopeOf(undefined)?.unit.state === 'open') {
      throw databaseErrors.invalid_query('close() was called inside a transaction, which it would wait for.');
    }
    if (this.#closing === undefined) {
      const deadline = this.deadline(options, this.options.timeoutMs, { operation: 'close' });
      this.#closing = this.#close(deadline);
    }
    return this.#closing;
  }

  async #close(deadline: Deadline): Promise<void> {
    deadline.waitingFor = 'calls in flight; their transactions were rolled back';
    try {
      if (this.#inFlight > 0) {
        await deadline.guard(
          new Promise<void>((resolve) => {
            this.#idle = resolve;
          }),
        );
      }
    } finally {
      deadline.dispose();
      this.#closed = true;
      if (this.#opening !== undefined) {
        await this.#opening.catch(() => {});
        await this.driver.close();
      }
    }
  }
}

/** Whether a call may still begin in this unit; one that was made before the end and had to wait says `waited`. */
export function assertUsable(unit: Unit, { operation, entity }: Omit<Operation, 'use'>, waited = false): void {
  const what = entity === undefined ? operation : `${entity}.${operation}`;
  if (unit.state === 'ended' || (unit.state === 'closing' && !waited)) {
    throw databaseErrors.transaction_ended(
      `${what} was called in a transaction that has ended. Await every call inside the callback; start work that outlives it in afterCommit.`,
    );
  }
  if (unit.failure !== undefined) {
    throw databaseErrors.transaction_failed(
      `${what}: an earlier call of this transaction failed, so it can only roll back. Use propagation "nested" for a part that may fail.`,
      { cause: unit.failure },
    );
  }
}

function rowsOf(result: unknown): number {
  if (Array.isArray(result)) return result.length;
  if (typeof result === 'number') return result;
  if (typeof result === 'object' && result !== null) return 'matched' in result ? Number(result.matched) : 1;
  return result === null || result === undefined ? 0 : 1;
}
