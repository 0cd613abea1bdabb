import { EntError } from '@ent/errors';
import { chain, Deadlines, type Telling, traced } from '@ent/internal';
import { channels, type QueryOperation } from '../channels.ts';
import type { Awaitable, DatabaseDriver } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import type { CallOptions } from '../options.ts';
import { finish } from './awaitable.ts';
import { beginCall, type DatabaseCall } from './call.ts';
import { backoff, isConflict, wrapped } from './faults.ts';
import { Fullness } from './fullness.ts';
import { nameOf, type Operation, type Work } from './operation.ts';
import { OwnWrites } from './own-writes.ts';
import { asTenant, asTenantIn } from './row-security.ts';
import { type Scope, Scopes, type Unit } from './scope.ts';
import { Sessions } from './sessions.ts';
import { inSavepoint } from './statement-savepoint.ts';
import { Turn } from './turn.ts';

/** What is known of a query when it has ended. */
const TELLING: Telling<QueryOperation, unknown> = {
  answered(event, result) {
    event.rows = rowsOf(result);
  },
  failed(event, error) {
    if (EntError.is(error)) event.errorCode = error.code;
  },
};

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
  /** Only where reads may go to replicas. */
  readonly ownWrites: OwnWrites | undefined;
  readonly #turn = new Turn();
  readonly #deadlines: Deadlines;

  constructor(driver: DatabaseDriver, defaults: Defaults) {
    this.driver = driver;
    this.defaults = defaults;
    this.#deadlines = new Deadlines(defaults.timeoutMs);
    this.sessions = new Sessions(driver, defaults.timeoutMs);
    this.ownWrites = driver.isReplica === undefined ? undefined : new OwnWrites();
  }

  /** @param bound the transaction of the handle that was used */
  run<R>(
    bound: Scope | undefined,
    operation: Operation,
    options: CallOptions | undefined,
    work: Work<R>,
  ): Awaitable<R> {
    const scope = this.scopes.of(bound);
    if (!channels.query.hasSubscribers) return this.#run(scope, operation, options, work, undefined);
    const event: QueryOperation = {
      system: this.driver.name,
      namespace: this.driver.namespace,
      operation: operation.operation,
      entity: operation.entity,
      inTransaction: scope !== undefined,
    };
    return traced(channels.query, event, () => this.#run(scope, operation, options, work, event), TELLING);
  }

  /** A step of a transaction itself: a session that was cut off is marked. */
  step(unit: Unit, call: DatabaseCall, ask: () => Awaitable<void>): Awaitable<void> {
    return this.sessions.ask(call, ask, (broken) => {
      unit.broken ||= broken;
    });
  }

  #run<R>(
    scope: Scope | undefined,
    operation: Operation,
    options: CallOptions | undefined,
    work: Work<R>,
    event: QueryOperation | undefined,
  ): Awaitable<R> {
    // A call inside a transaction may take what is left of the transaction's time.
    const call =
      scope === undefined
        ? beginCall(options, this.defaults.timeoutMs, operation, undefined, this.#deadlines)
        : beginCall(options, Infinity, operation, scope.call);
    const recorded = scope?.unit.statements;
    if (event !== undefined || recorded !== undefined) {
      call.onStatement = (statement) => {
        if (event !== undefined) event.statement = statement;
        recorded?.push(statement);
      };
    }
    if (scope === undefined) this.sessions.enter(this.scopes);
    if (this.ownWrites !== undefined) call.asOf = operation.latest ? Infinity : this.ownWrites.last();
    // No async function: what is there at once is answered at once, and each promise would be dearer than all of this.
    let isPending = false;
    try {
      options?.signal?.throwIfAborted();
      const answer =
        scope === undefined ? this.#alone(operation, call, work) : this.#within(scope, operation, call, work);
      isPending = answer instanceof Promise;
      if (answer instanceof Promise) return this.#later(answer, scope, operation, call);
      this.#turn.isNeeded = true;
      if (scope === undefined && operation.use === 'write') this.fullness.isSuspected = false;
      return answer;
    } catch (error) {
      this.#turn.isNeeded = true;
      throw this.#failure(error, operation);
    } finally {
      if (!isPending) this.#ended(scope, operation, call);
    }
  }

  #later<R>(answer: Promise<R>, scope: Scope | undefined, operation: Operation, call: DatabaseCall): Promise<R> {
    return answer.then(
      (result) => {
        if (scope === undefined && operation.use === 'write') this.fullness.isSuspected = false;
        this.#ended(scope, operation, call);
        return result;
      },
      (error: unknown) => {
        this.#ended(scope, operation, call);
        throw this.#failure(error, operation);
      },
    );
  }

  #ended(scope: Scope | undefined, { use }: Operation, call: DatabaseCall): void {
    call.dispose();
    if (scope !== undefined) return;
    if (use === 'write') this.ownWrites?.note();
    this.sessions.leave();
  }

  #failure(error: unknown, operation: Operation): unknown {
    const failure = wrapped(this.driver, error, operation);
    this.fullness.failed(failure);
    return failure;
  }

  /** Outside of a transaction: on a session of its own; again after a conflict, since nothing was done. */
  #alone<R>(
    operation: Operation,
    call: DatabaseCall,
    work: Work<R>,
    attempt = 1,
    now: number = call.beganAt,
  ): Awaitable<R> {
    const pause = this.#turn.pause(now);
    if (pause !== undefined) {
      return pause.then(() => {
        call.check();
        return this.#alone(operation, call, work, attempt, performance.now());
      });
    }
    try {
      const session = this.sessions.acquire(operation.use, false, call);
      const answer =
        session instanceof Promise ? session.then((own) => this.#on(own, call, work)) : this.#on(session, call, work);
      if (!(answer instanceof Promise)) return answer;
      return answer.catch((error: unknown) => this.#again(error, operation, call, work, attempt));
    } catch (error) {
      this.#turn.isNeeded = true;
      return this.#again(error, operation, call, work, attempt);
    }
  }

  #on<R>(session: unknown, call: DatabaseCall, work: Work<R>): Awaitable<R> {
    if (this.ownWrites !== undefined) call.isOnReplica = this.driver.isReplica?.(session) === true;
    return this.sessions.ask(
      call,
      () => (this.driver.setTenant === undefined ? work(session, call) : asTenant(this.driver, session, call, work)),
      (broken) => this.sessions.release(session, broken, call),
    );
  }

  async #again<R>(
    error: unknown,
    operation: Operation,
    call: DatabaseCall,
    work: Work<R>,
    attempt: number,
  ): Promise<R> {
    if (operation.once === true) throw error;
    if (call.isOnReplica && isRefusal(this.driver, error)) {
      call.isOnReplica = false;
      call.asOf = Infinity;
      const result = await this.#alone(operation, call, work, attempt, performance.now());
      // It may have been refused because it writes.
      this.ownWrites?.note();
      return result;
    }
    if (attempt > this.defaults.retries || !isConflict(this.driver, error)) throw error;
    await call.sleep(backoff(attempt));
    return this.#alone(operation, call, work, attempt + 1, performance.now());
  }

  /** In a transaction: on its session, when it is this call's turn. */
  #within<R>(scope: Scope, operation: Operation, call: DatabaseCall, work: Work<R>): Awaitable<R> {
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
    return finish(
      () => chain(this.#turnIn(unit, call), () => this.#inside(unit, operation, call, work)),
      rethrow,
      () => unit.end(),
    );
  }

  /** When the session of a transaction has time for this call. */
  #turnIn(unit: Unit, call: DatabaseCall): Awaitable<void> {
    const pause = this.#turn.pause(call.beganAt);
    if (pause === undefined) {
      call.check();
      if (unit.gate.tryTake()) return undefined;
    }
    return this.#waitIn(unit, call, pause);
  }

  async #waitIn(unit: Unit, call: DatabaseCall, pause: Promise<void> | undefined): Promise<void> {
    if (pause !== undefined) {
      await pause;
      call.check();
      if (unit.gate.tryTake()) return;
    }
    call.waitingFor = 'an earlier call or a savepoint of the same transaction';
    await unit.gate.take(call.signal);
    call.waitingFor = undefined;
  }

  #inside<R>(unit: Unit, operation: Operation, call: DatabaseCall, work: Work<R>): Awaitable<R> {
    let cut = false;
    const { isTrial } = unit;
    const run: Work<R> = isTrial ? (_session, own) => inSavepoint(this.driver, unit, own, work) : work;
    return finish(
      () => {
        // It may have ended or failed while this call waited.
        unit.assertUsable(operation, true);
        return this.sessions.ask(
          call,
          () =>
            this.driver.setTenant === undefined ? run(unit.session, call) : asTenantIn(this.driver, unit, call, run),
          (broken) => {
            cut = broken;
            unit.broken ||= broken;
          },
        );
      },
      (error) => {
        // What the driver refused before it did anything is one of our errors, and no reason to end the transaction.
        if (cut || !(isTrial || EntError.is(error))) unit.failure ??= wrapped(this.driver, error, operation);
        throw error;
      },
      () => unit.gate.give(),
    );
  }
}

/**
 * Whether a replica could not do what the primary may: it went down, has no such table yet, or what looked like a read
 * writes. A read has done nothing, so it is asked again; what took too long would there too.
 */
function isRefusal(driver: DatabaseDriver, error: unknown): boolean {
  const code = driver.classify(error)?.code;
  return code !== undefined && code !== 'timeout';
}

function rethrow(error: unknown): never {
  throw error;
}

function rowsOf(result: unknown): number {
  if (Array.isArray(result)) return result.length;
  if (typeof result === 'number') return result;
  if (typeof result === 'object' && result !== null) return 'matched' in result ? Number(result.matched) : 1;
  return result === null || result === undefined ? 0 : 1;
}
