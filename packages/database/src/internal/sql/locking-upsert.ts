import type { Change, Condition, DriverCall, Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { and, equals } from '../conditions.ts';
import { identityOf } from '../keys.ts';
import type { ReadBack } from './read-back.ts';

/** What {@link lockingUpsert} is made of. */
export interface LockingSteps<Session> {
  readonly back: ReadBack<Session>;
  /** The columns of the unique key that an error says is taken; empty where it does not say which. */
  takenBy(error: unknown): readonly string[] | undefined;
  /** Answers the row as it is stored. */
  insert(session: Session, entity: EntityModel, row: Row, call: DriverCall): Promise<Row>;
}

/** How often a key can be taken when we insert, and its row be gone again when we look for it. */
const REFUSALS = 3;
/**
 * The same for the key that the upsert is about: others may delete its row all the time. Not without end, since the
 * index of a table that was there may take for equal what a comparison does not.
 */
const OWN_REFUSALS = 100;

/**
 * An upsert by changing the row under its lock, and inserting it where there is none, for databases whose own acts on
 * any unique key: `ON DUPLICATE KEY UPDATE` of MySQL changed the wrong row.
 *
 * The INSERT is not in the transaction of the change where we can choose: after one that found nothing InnoDB holds
 * the gap, and two that insert into it wait for each other.
 */
export async function lockingUpsert<Session>(
  steps: LockingSteps<Session>,
  session: Session,
  entity: EntityModel,
  key: readonly string[],
  row: Row,
  change: Change,
  call: DriverCall,
): Promise<Row> {
  const { deletedAt } = entity;
  const hasKey = and(key.map((name) => equals(name, row[name])));
  const isLive = deletedAt === undefined ? hasKey : and([hasKey, equals(deletedAt, null)]);

  // Whether the row has the same key afterwards, and is not deleted.
  const staysThere =
    key.every((name) => !Object.hasOwn(change.set, name) || change.set[name] === row[name]) &&
    (deletedAt === undefined || (change.set[deletedAt] ?? null) === null);
  const isRow = (values: Row): Condition => and(identityOf(entity).map((name) => equals(name, values[name])));
  const columns = new Set(key.map((name) => entity.fields.get(name)?.column));
  const isOwn = (taken: readonly string[]): boolean =>
    taken.length === columns.size && taken.every((column) => columns.has(column));
  const { back } = steps;

  async function become(before: Row, to: Change): Promise<Row | undefined> {
    return back.change(
      session,
      entity,
      { where: isRow(before), change: to, place: isRow({ ...before, ...to.set }) },
      call,
    );
  }
  async function changed(): Promise<Row | undefined> {
    if (staysThere) return back.change(session, entity, { where: isLive, change, place: isLive }, call);
    return back.together(session, call, async () => {
      const live = await back.stored(session, entity, isLive, call);
      return live && become(live, change);
    });
  }
  /** A deleted row that stands in the way gives its place up. */
  async function replaced(): Promise<Row | undefined> {
    const gone = deletedAt === undefined ? undefined : await back.stored(session, entity, hasKey, call);
    return gone && become(gone, { set: row, add: {} });
  }

  for (let refusals = 0; ; ) {
    const stored =
      refusals === 0
        ? await changed()
        : await back.together(session, call, async () => (await changed()) ?? replaced());
    if (stored !== undefined) return stored;
    try {
      return await steps.insert(session, entity, row, call);
    } catch (error) {
      const taken = steps.takenBy(error);
      refusals += 1;
      if (taken === undefined || refusals >= (isOwn(taken) ? OWN_REFUSALS : REFUSALS)) throw error;
      // Each round is short, so that none of them would meet the end of the call.
      call.signal.throwIfAborted();
    }
  }
}
