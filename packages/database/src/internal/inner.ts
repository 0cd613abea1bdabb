import type { TransactionOptions } from '../options.ts';
import { type Body, runBody, TRANSACTION, undo } from './attempt.ts';
import { beginCall, type DatabaseCall } from './call.ts';
import type { Calls } from './calls.ts';
import { endsTransaction, wrapped } from './faults.ts';
import { type Scope, Unit } from './scope.ts';

const SAVEPOINT = { operation: 'savepoint' };

/** Runs `body` in a savepoint of the transaction around it. */
export async function nested<R>(calls: Calls, outer: Scope, options: TransactionOptions, body: Body<R>): Promise<R> {
  const { driver } = calls;
  const parent = outer.unit;
  const call = beginCall(options, calls.defaults.transactionTimeoutMs, SAVEPOINT, outer.call);
  const unit = new Unit(parent.session, parent);
  const name = `ent_${depthOf(unit)}`;
  parent.begin();
  try {
    options.signal?.throwIfAborted();
    call.waitingFor = 'an earlier call or a savepoint of the same transaction';
    await parent.gate.take(call.signal);
    call.waitingFor = undefined;
    try {
      parent.assertUsable(TRANSACTION, true);
      await calls.step(parent, call, () => driver.savepoint(unit.session, name, call));
      const readOnly = outer.readOnly || options.readOnly === true;
      return await inSavepoint(calls, { unit, parent: outer, call, isolation: outer.isolation, readOnly }, name, body);
    } finally {
      parent.gate.give();
    }
  } finally {
    parent.end();
    call.dispose();
  }
}

async function inSavepoint<R>(
  calls: Calls,
  scope: Scope & { readonly parent: Scope },
  name: string,
  body: Body<R>,
): Promise<R> {
  const { driver } = calls;
  const { unit, call } = scope;
  const parent = scope.parent.unit;
  try {
    const result = await runBody(calls, scope, body);
    await calls.step(unit, call, () => driver.releaseSavepoint(unit.session, name, call));
    parent.hooks.push(...unit.hooks);
    // Had it been rolled back, so would be what the database was told in it.
    parent.tenant = unit.tenant;
    return result;
  } catch (error) {
    unit.state = 'ended';
    await unit.idle();
    // Only the whole transaction can be run again.
    if (endsTransaction(driver, error)) parent.failure ??= error;
    await undo(unit, 'rollbackTo', (own) => driver.rollbackTo(unit.session, name, own));
    // And a session that was cut off cannot go on.
    if (unit.broken) parent.failure ??= error;
    parent.broken ||= unit.broken;
    throw wrapped(driver, error, SAVEPOINT);
  } finally {
    unit.state = 'ended';
  }
}

function depthOf(unit: Unit): number {
  let depth = 0;
  for (let parent = unit.parent; parent !== undefined; parent = parent.parent) depth += 1;
  return depth;
}

/** Runs `body` in the transaction around it. */
export async function joined<R>(calls: Calls, outer: Scope, options: TransactionOptions, body: Body<R>): Promise<R> {
  const call: DatabaseCall = beginCall(options, calls.defaults.transactionTimeoutMs, TRANSACTION, outer.call);
  const readOnly = outer.readOnly || options.readOnly === true;
  const scope: Scope = { unit: outer.unit, parent: outer, call, isolation: outer.isolation, readOnly };
  outer.unit.begin();
  try {
    options.signal?.throwIfAborted();
    return await call.guard(calls.scopes.run(scope, () => body(scope)));
  } catch (error) {
    // Half of an inner transaction must not be committed because somebody further out caught its error.
    outer.unit.failure ??= error;
    throw error;
  } finally {
    outer.unit.end();
    call.dispose();
  }
}
