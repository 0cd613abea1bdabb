import type { DriverCall, DriverTransactions } from '../driver.ts';

/** What it takes to begin a transaction and to end it. */
export type OwnTransaction<Session> = Pick<DriverTransactions<Session>, 'begin' | 'commit' | 'rollback'>;

/** Several steps on a session that is in no transaction, as one. */
export async function inOwnTransaction<Session, R>(
  transaction: OwnTransaction<Session>,
  session: Session,
  call: DriverCall,
  work: () => Promise<R>,
): Promise<R> {
  await transaction.begin(session, { isolation: undefined, readOnly: false }, call);
  return orRollback(transaction, session, call, async () => {
    const result = await work();
    await transaction.commit(session, call);
    return result;
  });
}

/** Work in a transaction that is open, or that it begins by itself: rolled back where the work fails. */
export async function orRollback<Session, R>(
  transaction: Pick<OwnTransaction<Session>, 'rollback'>,
  session: Session,
  call: DriverCall,
  work: () => Promise<R>,
): Promise<R> {
  try {
    return await work();
  } catch (error) {
    // When this fails too, it is what tells that the session is of no use any more.
    await transaction.rollback(session, call);
    throw error;
  }
}
