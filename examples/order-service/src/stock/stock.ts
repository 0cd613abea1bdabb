import type { Database } from '@ent/database';
import type { Messaging } from '@ent/messaging';
import type { Inbox } from '@ent/messaging/inbox';
import type { Outbox } from '@ent/messaging/outbox';
import { type Answer, releaseStock, reserveStock, stepAnswered, UNTIL_EXPIRED } from '../messages.ts';
import { products, reservations } from './product.ts';

interface Line {
  readonly sku: string;
  readonly quantity: number;
}

/**
 * The stock: a part of the saga that knows no orders, only reservations under their ids.
 *
 * What comes twice is met by two guards. The inbox passes over what the broker brings twice; the reservation answers
 * what the saga asks twice.
 */
export function createStock({ db, inbox, outbox }: { db: Database; inbox: Inbox; outbox: Outbox }) {
  const pieces = db.repo(products);
  const kept = db.repo(reservations);

  const take = async ({ sku, quantity }: Line): Promise<boolean> => {
    // Looks and takes in one step: of two orders for the last piece one gets it.
    const where = { id: sku, available: { gte: quantity } };
    return (await pieces.updateMany({ inc: { available: -quantity } }, { where })).matched === 1;
  };
  const giveBack = ({ sku, quantity }: Line): Promise<unknown> =>
    pieces.updateMany({ inc: { available: quantity } }, { where: { id: sku } });

  /** All lines of an order, or none. */
  const takeAll = async (lines: readonly Line[]): Promise<boolean> => {
    const taken: Line[] = [];
    // In one order for everybody, or two orders could wait for each other.
    for (const line of inOrder(lines)) {
      if (await take(line)) taken.push(line);
      else {
        for (const each of taken) await giveBack(each);
        return false;
      }
    }
    return true;
  };

  const reserve = (id: string, lines: readonly Line[]): Promise<Answer> =>
    db.transaction(async () => {
      const known = await kept.get(id);
      const state = known?.state ?? ((await takeAll(lines)) ? 'held' : 'refused');
      if (known === null) await kept.insert({ id, lines: [...lines], state });
      return state === 'held' ? 'stock_reserved' : 'stock_refused';
    });

  const release = (id: string): Promise<Answer> =>
    db.transaction(async () => {
      const known = await kept.get(id);
      const { matched } = await kept.updateMany({ set: { state: 'released' } }, { where: { id, state: 'held' } });
      if (matched === 1) for (const line of inOrder(known?.lines ?? [])) await giveBack(line);
      return 'stock_released' as const;
    });

  /** Works on commands: what changes and the answer are one transaction. */
  const subscribe = async (messaging: Messaging): Promise<void> => {
    const options = { group: 'stock', concurrency: 8, ...UNTIL_EXPIRED };
    const reply = (orderId: string, answer: Answer): Promise<unknown> =>
      outbox.publish(stepAnswered, { orderId, answer }, { subject: orderId });
    await messaging.subscribe(
      reserveStock,
      options,
      inbox.once<{ orderId: string; lines: Line[] }>(async ({ data: { orderId, lines } }) =>
        reply(orderId, await reserve(orderId, lines)),
      ),
    );
    await messaging.subscribe(
      releaseStock,
      options,
      inbox.once<{ orderId: string }>(async ({ data: { orderId } }) => reply(orderId, await release(orderId))),
    );
  };

  return { reserve, release, subscribe };
}

function inOrder(lines: readonly Line[]): Line[] {
  return lines.toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
}
