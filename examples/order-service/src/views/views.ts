import type { Database } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import type { Messaging } from '@ent/messaging';
import { orderChanged } from '../messages.ts';
import { orderEvents } from '../orders/order.ts';
import { apply, type OrderView, orderViews, sales, sold } from './view.ts';

const AT_ONCE = 200;

/** What is asked in SQL. */
export interface ViewTables {
  orders: { id: string; version: number };
  order_views: { id: string; seen: number };
}

/**
 * The read side: tables that are made for questions, and follow the history of the orders a moment behind.
 *
 * A message only says that there is news; what the news is, the history says. So it does not matter in which order
 * messages come, nor how often, nor whether all of them do: the next one brings what is missing.
 */
export function createViews(db: Database<SqlNative<ViewTables>>) {
  const history = db.repo(orderEvents);
  const views = db.repo(orderViews);
  const totals = db.repo(sales);

  /** Brings the view of an order up to its history; the counts move with it, in one transaction. */
  const follow = (orderId: string): Promise<void> =>
    db.transaction(async () => {
      const before = (await views.get(orderId)) ?? undefined;
      const seen = before?.seen ?? 0;
      const news = await history.find({ where: { orderId, version: { gt: seen } }, sort: [['version', 'asc']] });
      let view = before;
      let change = 0;
      for (const event of news) {
        const after = apply(view, event);
        change += sold(view, after);
        view = after;
      }
      if (view === before || view === undefined) return;
      await keep(view, before);
      if (change !== 0) await count(view, change);
    });

  const keep = async (view: OrderView, before: OrderView | undefined): Promise<void> => {
    if (before === undefined) {
      await views.insert(view);
      return;
    }
    const { id, state, seen } = view;
    const { matched } = await views.updateMany({ set: { state, seen } }, { where: { id, seen: before.seen } });
    // Somebody else follows the same order: the message comes again.
    if (matched === 0) throw new Error(`The view of the order ${id} was changed at the same time.`);
  };

  const count = async ({ lines }: OrderView, change: number): Promise<void> => {
    for (const { sku, quantity } of lines.toSorted((a, b) => (a.sku < b.sku ? -1 : 1))) {
      const pieces = change * quantity;
      await totals.upsert(['id'], { id: sku, pieces }, { inc: { pieces } });
    }
  };

  const subscribe = (messaging: Messaging): Promise<unknown> =>
    messaging.subscribe(
      orderChanged,
      { group: 'views', concurrency: 8, maxAttempts: 20, backoff: { base: '100ms', max: '10s' } },
      ({ data }) => follow(data.orderId),
    );

  /** Catches up with what messages have not told: those that a broker has lost, or before a view that is made anew. */
  const catchUp = async (): Promise<void> => {
    for (let last = ''; ; ) {
      const behind = await db.native.kysely
        .selectFrom('orders')
        .leftJoin('order_views', 'order_views.id', 'orders.id')
        .select('orders.id')
        .where((by) =>
          by.or([by('order_views.seen', 'is', null), by('order_views.seen', '<', by.ref('orders.version'))]),
        )
        .where('orders.id', '>', last)
        .orderBy('orders.id')
        .limit(AT_ONCE)
        .execute();
      // Who else follows it just now is as good; then there is nothing left to do.
      for (const { id } of behind) await follow(id).catch(() => follow(id));
      if (behind.length < AT_ONCE) return;
      last = behind.at(-1)?.id ?? last;
    }
  };

  /** Throws everything away, and makes it again out of the history. */
  const rebuild = async (): Promise<void> => {
    await db.transaction(async () => {
      await views.deleteMany({ where: { id: { ne: null } } });
      await totals.deleteMany({ where: { id: { ne: null } } });
    });
    await catchUp();
  };

  return { follow, subscribe, catchUp, rebuild };
}
