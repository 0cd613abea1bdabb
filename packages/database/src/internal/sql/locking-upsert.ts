import type { Awaitable, Change, Condition, DriverCall, Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { and, equals } from '../conditions.ts';

/** What {@link lockingUpsert} is made of. */
export interface LockingSteps<Session> {
  /** Several statements as one: in the transaction around the call, or in one of their own. */
  together<R>(session: Session, call: DriverCall, work: () => Promise<R>): Promise<R>;
  /** Whether an error says that a unique key is taken. */
  isTaken(error: unknown): boolean;
  /** Answers the row as it is stored. */
  insert(session: Session, entity: EntityModel, row: Row, call: DriverCall): Promise<Row>;
  /** One row that matches, which nobody else changes before this transaction ends. */
  locked(session: Session, entity: EntityModel, where: Condition, call: DriverCall): Promise<Row | undefined>;
  change(session: Session, entity: EntityModel, where: Condition, change: Change, call: DriverCall): Awaitable<unknown>;
}

/** How often a key can be taken when we insert, and its row be gone again when we look for it. */
const REFUSALS = 3;

/**
 * An upsert by reading the row under its lock, for databases whose own acts on any unique key: `ON DUPLICATE KEY
 * UPDATE` of MySQL changed the wrong row.
 *
 * The INSERT is not in the transaction of the read where we can choose: after a read that found nothing InnoDB holds
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

  const isRow = (values: Row): Condition => and(entity.id.map((name) => equals(name, values[name])));

  async function become(before: Row, to: Change): Promise<Row | undefined> {
    await steps.change(session, entity, isRow(before), to, call);
    return steps.locked(session, entity, isRow({ ...before, ...to.set }), call);
  }
  async function changed(): Promise<Row | undefined> {
    const live = await steps.locked(session, entity, isLive, call);
    return live && become(live, change);
  }
  /** A deleted row that stands in the way gives its place up. */
  async function replaced(): Promise<Row | undefined> {
    const gone = deletedAt === undefined ? undefined : await steps.locked(session, entity, hasKey, call);
    return gone && become(gone, { set: row, add: {} });
  }

  for (let refusals = 0; ; ) {
    const isRefused = refusals > 0;
    const stored = await steps.together(
      session,
      call,
      async () => (await changed()) ?? (isRefused ? replaced() : undefined),
    );
    if (stored !== undefined) return stored;
    try {
      return await steps.insert(session, entity, row, call);
    } catch (error) {
      refusals += 1;
      if (refusals === REFUSALS || !steps.isTaken(error)) throw error;
    }
  }
}
