import { EntError } from '@ent/errors';
import type { Awaitable, BeginOptions } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import { beginCall, type DatabaseCall } from './call.ts';
import type { Calls } from './calls.ts';
import { wrapped } from './faults.ts';
import { type Scope, Unit } from './scope.ts';

/** What is run in a transaction or a savepoint. */
export type Body<R> = (scope: Scope) => Promise<R>;

/** How a transaction is run. */
export interface How extends BeginOptions {
  /** On one session, but without a transaction: for migrations of a database whose DDL cannot be rolled back. */
  readonly bare: boolean;
  /** Texts of several statements are run in it. */
  readonly scripts?: boolean | undefined;
  /** See {@link Unit.isTrial}. */
  readonly isTrial?: boolean;
}

export const TRANSACTION = { operation: 'transaction' };

/**
 * What takes longer is on a connection that is dead: the session is given up, and the database rolls back by itself.
 */
const UNDO_MS = 5_000;

/** Runs `body` once in a transaction of its own. */
export async function attempt<R>(
  calls: Calls,
  call: DatabaseCall,
  { bare, scripts, isTrial = false, ...how }: How,
  body: Body<R>,
): Promise<{ result: R; hooks: Unit['hooks'] }> {
  const { driver, sessions } = calls;
  let session: unknown;
  call.scripts = scripts;
  try {
    session = await sessions.acquire(how.readOnly ? 'read' : 'write', true, call);
  } catch (error) {
    throw wrapped(driver, error, TRANSACTION);
  }
  const unit = new Unit(session);
  unit.isTrial = isTrial;
  try {
    if (!bare) await calls.step(unit, call, () => driver.begin(session, how, call));
    const scope: Scope = { unit, parent: undefined, call, isolation: how.isolation, readOnly: how.readOnly };
    const result = await runBody(calls, scope, body);
    if (!bare) await commit(calls, unit, call);
    if (!how.readOnly) calls.fullness.isSuspected = false;
    return { result, hooks: unit.hooks };
  } catch (error) {
    unit.state = 'ended';
    await unit.idle();
    if (!bare) await undo(unit, 'rollback', (own) => driver.rollback(session, own));
    const failure = wrapped(driver, error, TRANSACTION);
    calls.fullness.failed(failure);
    throw failure;
  } finally {
    unit.state = 'ended';
    const { unlock } = unit;
    if (unlock !== undefined) await undo(unit, 'unlock', unlock);
    if (!how.readOnly) calls.ownWrites?.note();
    sessions.release(session, unit.broken, call);
  }
}

/**
 * Commits. A connection that is lost meanwhile, or a time that is up, leaves open whether that was done; a database
 * that says no has not.
 */
async function commit(calls: Calls, unit: Unit, call: DatabaseCall): Promise<void> {
  const { driver } = calls;
  try {
    await calls.step(unit, call, () => driver.commit(unit.session, call));
  } catch (error) {
    const cause = wrapped(driver, error, TRANSACTION);
    // Who gave it up by their own signal gets its reason, as everywhere.
    if (!unit.broken || !EntError.is(cause)) throw error;
    throw databaseErrors.commit_unknown('The transaction may be stored or not: its COMMIT was not answered.', {
      cause,
    });
  }
}

/** Runs the application's part, and waits for what it began and did not await. */
export async function runBody<R>(calls: Calls, scope: Scope, body: Body<R>): Promise<R> {
  const { unit, call } = scope;
  const result = await call.guard(calls.scopes.run(scope, () => body(scope)));
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

/**
 * Undoes something, in a time of its own, since that of the transaction may be over. A session that cannot is of no use
 * any more; what the caller needs to know is why it had to.
 */
export async function undo(
  unit: Unit,
  operation: string,
  work: (call: DatabaseCall) => Awaitable<void>,
): Promise<void> {
  if (unit.broken) return;
  const call = beginCall(undefined, UNDO_MS, { operation });
  try {
    await call.guard(work(call));
  } catch {
    unit.broken = true;
  } finally {
    call.dispose();
  }
}
