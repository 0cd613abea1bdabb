import type { DatabaseDriver, DriverCall } from '../driver.ts';
import type { Work } from './operation.ts';
import type { Unit } from './scope.ts';

/** Below the names of nested transactions, which are numbered from one. */
const NAME = 'ent_0';

/** Runs one call so that its failure undoes it alone, and not the transaction around it. */
export async function inSavepoint<R>(driver: DatabaseDriver, unit: Unit, call: DriverCall, work: Work<R>): Promise<R> {
  const { session } = unit;
  await driver.savepoint(session, NAME, call);
  try {
    const result = await work(session, call);
    await driver.releaseSavepoint(session, NAME, call);
    return result;
  } catch (error) {
    try {
      await driver.rollbackTo(session, NAME, call);
    } catch (lost) {
      unit.failure ??= error;
      throw lost;
    }
    throw error;
  }
}
