import type { Database } from '@ent/database';
import type { Logger } from '@ent/logging';
import type { Messaging } from '@ent/messaging';
import type { Inbox } from '@ent/messaging/inbox';
import type { Outbox } from '@ent/messaging/outbox';
import {
  orderChanged,
  refundPayment,
  releaseStock,
  reserveStock,
  stepAnswered,
  takePayment,
  UNTIL_EXPIRED,
} from '../messages.ts';
import { exact } from '../money.ts';
import { isUnderWay, MACHINE, type OrderEvent, type OrderState } from './machine.ts';
import { type Order, orderEvents, orders, type Placed } from './order.ts';

export interface SagaParts {
  db: Database;
  outbox: Outbox;
  inbox: Inbox;
  logger: Logger;
  /** How long an answer is waited for, in milliseconds: that of a payment, and that of any other step. */
  waits: { readonly payment: number; readonly step: number };
}

export type Saga = ReturnType<typeof createSaga>;

/**
 * Leads orders through the {@link MACHINE}. Each move is one transaction: the new state, the row of the history, and
 * the command that the state asks for, in the outbox. So there is no state without its command, whoever is killed when.
 */
export function createSaga({ db, outbox, inbox, logger, waits }: SagaParts) {
  const stored = db.repo(orders);
  const history = db.repo(orderEvents);

  const waitOf = (state: OrderState): number => (state === 'reserved' ? waits.payment : waits.step);
  const dueAtOf = (state: OrderState): Date | null => (isUnderWay(state) ? new Date(Date.now() + waitOf(state)) : null);

  /** What an order asks for in the state that it has come to. */
  const command = async ({ id, state, lines, total, card }: Order): Promise<void> => {
    // Nobody waits for it any longer than that: then it is given again, or the order goes back.
    const about = { subject: id, ttl: waitOf(state) };
    if (state === 'placed') {
      const wanted = lines.map(({ sku, quantity }) => ({ sku, quantity }));
      await outbox.publish(reserveStock, { orderId: id, lines: wanted }, about);
    } else if (state === 'reserved') {
      await outbox.publish(takePayment, { orderId: id, amount: exact(total), card }, about);
    } else if (state === 'refunding') {
      await outbox.publish(refundPayment, { orderId: id }, about);
    } else if (state === 'releasing') {
      await outbox.publish(releaseStock, { orderId: id }, about);
    }
  };

  /** Writes down what happened, tells the world, and goes on. */
  const record = async (order: Order, event: 'placed' | OrderEvent, placed: Placed | null): Promise<void> => {
    const { id: orderId, version, state, updatedAt: at } = order;
    await history.insert({ orderId, version, event, state, placed, at });
    await command(order);
    // Last: who publishes by a key waits for others who do.
    await outbox.publish(orderChanged, { orderId, version, state }, { key: orderId, subject: orderId });
  };

  /** Begins: to be called in a transaction. */
  const begin = async (
    order: Pick<Order, 'customerId' | 'requestKey' | 'lines' | 'total' | 'card'>,
  ): Promise<Order> => {
    const placed = await stored.insert({ ...order, state: 'placed', dueAt: dueAtOf('placed') });
    const { customerId, lines, total } = order;
    await record(placed, 'placed', { customerId, lines, total: exact(total) });
    return placed;
  };

  /**
   * Moves an order on, if the {@link MACHINE} has a way from where it is.
   *
   * @returns whether it had
   * @throws `database.version_conflict` when somebody else moves it at the same time: look again
   */
  const happened = (orderId: string, event: OrderEvent): Promise<boolean> =>
    db.transaction(async () => {
      const order = await stored.get(orderId);
      if (order === null) return false;
      const { state: from, version, dueAt } = order;
      // Another instance was faster: it waits anew.
      if (event === 'overdue' && (dueAt === null || dueAt.getTime() > Date.now())) return false;
      const state = MACHINE[from][event] ?? (event === 'overdue' ? from : undefined);
      if (state === undefined) return false;
      await record(await stored.update(orderId, { set: { state, dueAt: dueAtOf(state) } }, { version }), event, null);
      return true;
    });

  /** Looks after all that have waited for too long. */
  const remind = async (): Promise<void> => {
    const where = { dueAt: { lte: new Date() } };
    const due = await stored.find({ where, sort: [['dueAt', 'asc']], limit: 100, select: ['id', 'state'] });
    for (const { id, state } of due) {
      const isMoved = await happened(id, 'overdue').catch((err: unknown) => {
        logger.debug('an overdue order is left for the next look', { orderId: id, err });
        return false;
      });
      if (isMoved) logger.warning('an order has waited for too long', { orderId: id, state });
    }
  };

  const subscribe = (messaging: Messaging): Promise<unknown> =>
    messaging.subscribe(
      stepAnswered,
      { group: 'saga', concurrency: 8, ...UNTIL_EXPIRED },
      inbox.once<{ orderId: string; answer: OrderEvent }>(({ data }) => happened(data.orderId, data.answer)),
    );

  return { begin, happened, remind, subscribe };
}
