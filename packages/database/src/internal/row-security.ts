import { chain } from '@ent/internal';
import type { Awaitable, DatabaseDriver } from '../driver.ts';
import type { DatabaseCall } from './call.ts';
import type { Work } from './operation.ts';
import { inOwnTransaction } from './own-transaction.ts';
import type { Unit } from './scope.ts';
import { scopeHere } from './tenancy.ts';

/** The tenant as the database is told; empty for none, and for all: what it guards, it guards from them too. */
function told(): string {
  const scope = scopeHere();
  return scope === undefined || scope === 'all' ? '' : String(scope.id);
}

/**
 * Runs a call for its tenant where the database is told of that: in a transaction of its own, with which the database
 * forgets it.
 */
export function asTenant<R>(driver: DatabaseDriver, session: unknown, call: DatabaseCall, work: Work<R>): Awaitable<R> {
  const tenant = told();
  if (driver.setTenant === undefined || tenant === '') return work(session, call);
  return inOwnTransaction(driver, session, call, async () => {
    await driver.setTenant?.(session, tenant, call);
    return work(session, call);
  });
}

/** The same in a transaction that is open: the database is told when it is another tenant than before. */
export function asTenantIn<R>(driver: DatabaseDriver, unit: Unit, call: DatabaseCall, work: Work<R>): Awaitable<R> {
  const tenant = told();
  if (driver.setTenant === undefined || tenant === unit.tenant) return work(unit.session, call);
  return chain(driver.setTenant(unit.session, tenant, call), () => {
    unit.tenant = tenant;
    return work(unit.session, call);
  });
}
