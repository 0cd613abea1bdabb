import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { createLogger } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { createMessaging } from '@ent/messaging';
import { memory } from '@ent/messaging/memory';
import { migratorOf } from '../src/migrations.ts';
import { cents } from '../src/money.ts';
import { orderEvents, orders } from '../src/orders/order.ts';
import type { Provider } from '../src/payments/provider.ts';
import { createShop, type ShopParts } from '../src/shop.ts';
import { products, reservations } from '../src/stock/product.ts';
import { orderViews, sales } from '../src/views/view.ts';
import type { ViewTables } from '../src/views/views.ts';

/** A folder for databases; removed by `remove`. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'ent-order-service-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function openShopDatabase(url: string): Promise<Database<SqlNative<ViewTables>>> {
  const db = await openDatabase<SqlNative<ViewTables>>(url);
  await migratorOf(db).up();
  return db;
}

/** The tables of the service, to look into. */
export const tablesOf = (db: Database) => ({
  orders: db.repo(orders),
  events: db.repo(orderEvents),
  products: db.repo(products),
  reservations: db.repo(reservations),
  views: db.repo(orderViews),
  sales: db.repo(sales),
});

/** A provider in memory that does what the real one does; `payments` has what it took, in cents. */
export function obedientProvider(): Provider & { payments: Map<string, bigint | 'void'> } {
  const payments = new Map<string, bigint | 'void'>();
  return {
    payments,
    async take({ key, amount, card }) {
      if (card === 'tok_declined') return false;
      if (!payments.has(key)) payments.set(key, cents(amount));
      return payments.get(key) !== 'void';
    },
    async refund(key) {
      payments.set(key, 'void');
    },
  };
}

/** A shop in this process, on a broker in this process. */
export async function openShop(
  db: Database<SqlNative<ViewTables>>,
  given: Partial<ShopParts> & Pick<ShopParts, 'provider'>,
) {
  const messaging = createMessaging({ driver: memory(), source: 'order-service' });
  const shop = createShop({
    db,
    messaging,
    logger: createLogger({ driver: memoryDriver() }),
    waits: { payment: 60_000, step: 60_000 },
    relayLease: 1000,
    ...given,
  });
  await shop.listen();
  await shop.relay.start();
  return {
    ...shop,
    async close() {
      await shop.relay.close();
      await messaging.close();
    },
  };
}
