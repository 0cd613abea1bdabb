import { channels, type TransactionOperation } from '../channels.ts';
import type { DatabaseFeatures, IsolationLevel } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import type { TransactionOptions } from '../options.ts';
import type { Deadline } from './deadline.ts';
import { assertUsable, type Engine } from './engine.ts';
import { backoffMs, isConflict, wrapped } from './faults.ts';
import { AFTER_COMMIT, type Scope, Unit } from './scope.ts';

type Body<R> = (scope: Scope) => Promise<R>;

const BEGIN = { operation: 'transaction' };
const LEVELS: readonly IsolationLevel[] = ['read committed', 'repeatable read', 'snapshot', 'serializable'];

/**
 * Runs `body` in a transaction of its own, in a savepoint, or in the transaction around it: as `options.propagation`
 * says.
 */
export async function runTransaction<R>(
  engine: Engine,
  bound: Scope | undefined,
  options: TransactionOptions,
  body: Body<R>,
): Promise<R> {
  const { features } = engine.driver;
  const outer = engine.scopeOf(bound);
  const isolation = levelFor(features, engine.driver.name, options.isolation);
  if (outer === undefined) return topLevel(engine, options, isolation, body);
  assertUsable(outer.unit, BEGIN);
  if (options.propagation === 'new') {
    if (!features.independentTransactions) throw unsupported(engine, 'a new transaction inside another one');
    return topLevel(engine, options, isolation, body);
  }
  assertFits(outer, options, isolation);
  if (options.propagation === 'nested') {
    if (!features.savepoints) throw unsupported(engine, 'a nested transaction');
    return traced(engine, 'savepoint', outer.readOnly, outer.isolation, () => nested(engine, outer, options, body));
  }
  return joined(engine, outer, options, body);
}

/** The weakest level of the driver that is at least as strong as the one asked for; undefined for the database's own. */
function levelFor(
  { isolation, transactions }: DatabaseFeatures,
  driver: string,
  asked: IsolationLevel | undefined,
): IsolationLevel | undefined {
  if (!transactions) throw databaseErrors.unsupported(`${driver} has no transactions.`);
  if (asked === undefined) return isolation.length === 1 ? isolation[0] : undefined;
  const strength = LEVELS.indexOf(asked);
  const level = isolation.find((offered) => strength >= 0 && LEVELS.indexOf(offered) >= strength);
  if (level === undefined) {
    throw databaseErrors.unsupported(
      `${driver} can not isolate transactions as "${asked}"; it offers: ${isolation.join(', ')}.`,
    );
  }
  return level;
}

/** A transaction that joins another can ask for nothing that the other one is not. */
function assertFits(outer: Scope, options: TransactionOptions, isolation: IsolationLevel | undefined): void {
  if (outer.readOnly && options.readOnly === false) {
    throw databaseErrors.unsupported('A transaction that writes can not join one that is read-only.');
  }
  const has = outer.isolation === undefined ? -1 : LEVELS.indexOf(outer.isolation);
  if (isolation !== undefined && LEVELS.indexOf(isolation) > has) {
    throw databaseErrors.unsupported(
      `A transaction that asks for "${isolation}" can not join one that was begun ${outer.isolation === undefined ? 'without a level' : `as "${outer.isolation}"`}; ask for it in the outer one.`,
    );
  }
}

async function topLevel<R>(
  engine: Engine,
  options: TransactionOptions,
  isolation: IsolationLevel | undefined,
  body: Body<R>,
): Promise<R> {
  const readOnly = options.readOnly ?? false;
  const deadline = engine.deadline(options, engine.options.transactionTimeoutMs, BEGIN);
  engine.enter();
  let hooks: readonly (() => unknown)[] = [];
  try {
    options.signal?.throwIfAborted();
    const result = await traced(engine, 'transaction', readOnly, isolation, async (payload) => {
      const retries = options.retries ?? engine.options.retries;
      for (let attempt = 1; ; attempt += 1) {
        payload.attempts = attempt;
        try {
          const done = await attemptOnce(engine, deadline, isolation, readOnly, body);
          hooks = done.hooks;
          return done.result;
        } catch (error) {
          if (attempt > retries || !isConflict(engine.driver, error)) throw error;
          await deadline.sleep(backoffMs(attempt));
        }
      }
    });
    return await afterCommit(engine, hooks, result);
  } finally {
    deadline.dispose();
    engine.leave();
  }
}

async function attemptOnce<R>(
  engine: Engine,
  deadline: Deadline,
  isolation: IsolationLevel | undefined,
  readOnly: boolean,
  body: Body<R>,
): Promise<{ result: R; hooks: Unit['hooks'] }> {
  const { driver } = engine;
  let session: unknown;
  try {
    session = await engine.acquire(readOnly ? 'read' : 'write', true, deadline);
  } catch (error) {
    throw wrapped(driver, error, BEGIN);
  }
  const unit = new Unit(session);
  try {
    await engine.step(unit, deadline, () => driver.begin(session, { isolation, readOnly }, deadline));
    const scope: Scope = { unit, parent: undefined, deadline, isolation, readOnly };
    const result = await runBody(engine, scope, body);
    await engine.step(unit, deadline, () => driver.commit(session, deadline));
    return { result, hooks: unit.hooks };
  } catch (error) {
    unit.state = 'ended';
    await unit.idle();
    try {
      if (!unit.broken) await driver.rollback(session);
    } catch {
      // The session is of no use any more; what the caller needs to know is why we rolled back.
      unit.broken = true;
    }
    throw wrapped(driver, error, BEGIN);
  } finally {
    unit.state = 'ended';
    driver.release(session, unit.broken);
  }
}

/** Runs the application's part, and waits for what it began and did not await. */
async function runBody<R>(engine: Engine, scope: Scope, body: Body<R>): Promise<R> {
  const { unit, deadline } = scope;
  const result = await deadline.guard(engine.scopes.run(scope, () => body(scope)));
  unit.state = 'closing';
  await unit.idle();
  if (unit.failure !== undefined) {
    throw databaseErrors.transaction_failed(
      'The transaction was rolled back: one of its calls failed, and the failure was not passed on. Use propagation "nested" for a part that may fail.',
      { cause: unit.failure },
    );
  }
  return result;
}

async function nested<R>(engine: Engine, outer: Scope, options: TransactionOptions, body: Body<R>): Promise<R> {
  const { driver } = engine;
  const parent = outer.unit;
  const deadline = engine.deadline(options, engine.options.transactionTimeoutMs, { operation: 'savepoint' }, outer);
  const unit = new Unit(parent.session, parent);
  const name = `ent_${depthOf(unit)}`;
  parent.begin();
  try {
    options.signal?.throwIfAborted();
    deadline.waitingFor = 'an earlier call or a savepoint of the same transaction';
    await parent.gate.take(deadline.signal);
    deadline.waitingFor = undefined;
    try {
      assertUsable(parent, BEGIN, true);
      await engine.step(parent, deadline, () => driver.savepoint(unit.session, name, deadline));
      return await insideSavepoint(engine, outer, options, unit, name, deadline, body);
    } finally {
      parent.gate.give();
    }
  } finally {
    parent.end();
    deadline.dispose();
  }
}

async function insideSavepoint<R>(
  engine: Engine,
  outer: Scope,
  options: TransactionOptions,
  unit: Unit,
  name: string,
  deadline: Deadline,
  body: Body<R>,
): Promise<R> {
  const { driver } = engine;
  const parent = outer.unit;
  try {
    const readOnly = outer.readOnly || options.readOnly === true;
    const scope: Scope = { unit, parent: outer, deadline, isolation: outer.isolation, readOnly };
    const result = await runBody(engine, scope, body);
    await engine.step(unit, deadline, () => driver.releaseSavepoint(unit.session, name, deadline));
    parent.hooks.push(...unit.hooks);
    return result;
  } catch (error) {
    unit.state = 'ended';
    await unit.idle();
    parent.broken ||= unit.broken;
    // Only the whole transaction can be run again, and a session that was cut off can not go on.
    if (unit.broken || isConflict(driver, error)) parent.failure ??= error;
    try {
      if (!unit.broken) await driver.rollbackTo(unit.session, name);
    } catch {
      parent.failure ??= error;
    }
    throw wrapped(driver, error, { operation: 'savepoint' });
  } finally {
    unit.state = 'ended';
  }
}

function depthOf(unit: Unit): number {
  let depth = 0;
  for (let parent = unit.parent; parent !== undefined; parent = parent.parent) depth += 1;
  return depth;
}

async function joined<R>(engine: Engine, outer: Scope, options: TransactionOptions, body: Body<R>): Promise<R> {
  const deadline = engine.deadline(options, engine.options.transactionTimeoutMs, BEGIN, outer);
  const readOnly = outer.readOnly || options.readOnly === true;
  const scope: Scope = { unit: outer.unit, parent: outer, deadline, isolation: outer.isolation, readOnly };
  outer.unit.begin();
  try {
    options.signal?.throwIfAborted();
    return await deadline.guard(engine.scopes.run(scope, () => body(scope)));
  } catch (error) {
    // Half of an inner transaction must not be committed because somebody further out caught its error.
    outer.unit.failure ??= error;
    throw error;
  } finally {
    outer.unit.end();
    deadline.dispose();
  }
}

/** The hooks run outside of the transaction, one after the other; all of them, also when one throws. */
async function afterCommit<R>(engine: Engine, hooks: readonly (() => unknown)[], result: R): Promise<R> {
  const failures: unknown[] = [];
  for (const hook of hooks) {
    try {
      await engine.scopes.run(AFTER_COMMIT, hook);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 0) return result;
  throw databaseErrors.after_commit_failed(
    `The transaction is committed, but ${failures.length} of ${hooks.length} afterCommit hooks failed.`,
    { cause: failures.length === 1 ? failures[0] : new AggregateError(failures, 'several hooks failed') },
  );
}

async function traced<R>(
  engine: Engine,
  kind: TransactionOperation['kind'],
  readOnly: boolean,
  isolation: IsolationLevel | undefined,
  work: (payload: TransactionOperation) => Promise<R>,
): Promise<R> {
  const { name: system, namespace } = engine.driver;
  const payload: TransactionOperation = { system, namespace, kind, readOnly, isolation, attempts: 1 };
  if (!channels.transaction.hasSubscribers) return work(payload);
  let result: R | undefined;
  // The channel adds what its promise resolves with to the payload; that may be rows.
  await channels.transaction.tracePromise(async () => {
    try {
      result = await work(payload);
      payload.outcome = 'committed';
    } catch (error) {
      payload.outcome = 'rolled_back';
      throw error;
    }
  }, payload);
  return result as R;
}

function unsupported(engine: Engine, what: string): Error {
  return databaseErrors.unsupported(`${engine.driver.name} can not begin ${what}.`);
}
