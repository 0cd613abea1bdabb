import type { Awaitable, Change, Condition, DriverCall, Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { inOwnTransaction, orRollback, type OwnTransaction } from '../own-transaction.ts';
import type { Ready } from './plan-cache.ts';
import type { Plans } from './plans.ts';

/** The part of a transaction that a write needs which reads back what it wrote. */
export interface OpenOrOwn<Session> extends OwnTransaction<Session> {
  /** Whether the session is in a transaction already. */
  isOpen(session: Session): boolean;
}

/** Reads the rows of an entity by a statement. */
export type ReadRows<Session> = (
  session: Session,
  entity: EntityModel,
  ready: Ready,
  call: DriverCall,
) => Awaitable<Row[]>;

/** Sends a statement, and tells how many rows it matched. */
export type MatchRows<Session> = (session: Session, ready: Ready, call: DriverCall) => Awaitable<{ matched: number }>;

/** What is stored after a write, for databases whose UPDATE does not answer it: read in the same transaction. */
export class ReadBack<Session> {
  readonly #plans: Plans;
  readonly #transaction: OpenOrOwn<Session>;
  readonly #read: ReadRows<Session>;
  readonly #match: MatchRows<Session>;
  readonly #isMariadb: (session: Session) => boolean;

  /** @param isMariadb whether the server takes several statements as one */
  constructor(
    plans: Plans,
    transaction: OpenOrOwn<Session>,
    how: { readonly read: ReadRows<Session>; readonly match: MatchRows<Session> },
    isMariadb: (session: Session) => boolean,
  ) {
    this.#plans = plans;
    this.#transaction = transaction;
    this.#read = how.read;
    this.#match = how.match;
    this.#isMariadb = isMariadb;
  }

  /** Several statements as one: in the transaction around the call, or in one of their own. */
  async together<R>(session: Session, call: DriverCall, work: () => Promise<R>): Promise<R> {
    if (this.#transaction.isOpen(session)) return work();
    return inOwnTransaction(this.#transaction, session, call, work);
  }

  /** What is stored now. With a lock, since another read might see what was there when the transaction began. */
  async stored(session: Session, entity: EntityModel, where: Condition, call: DriverCall): Promise<Row | undefined> {
    const ready = this.#plans.reads.select(entity, { where, order: [], limit: 1 }, true);
    const [row] = await this.#read(session, entity, ready, call);
    return row;
  }

  /**
   * Changes the row that matches `where`, if there is one, and answers it.
   *
   * @param place where it is then
   */
  async change(
    session: Session,
    entity: EntityModel,
    { where, change, place }: { readonly where: Condition; readonly change: Change; readonly place: Condition },
    call: DriverCall,
  ): Promise<Row | undefined> {
    if (!this.#isMariadb(session)) {
      return this.together(session, call, async () => {
        const { matched } = await this.#match(session, this.#plans.writes.update(entity, where, change, false), call);
        return matched === 0 ? undefined : this.stored(session, entity, place, call);
      });
    }
    const isAlone = !this.#transaction.isOpen(session);
    const ready = this.#plans.writes.updateAndRead(entity, where, change, place, isAlone);
    const work = async (): Promise<Row | undefined> => (await this.#read(session, entity, ready, call))[0];
    return isAlone ? orRollback(this.#transaction, session, call, work) : work();
  }
}
