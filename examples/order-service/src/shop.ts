import type { Database } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import type { Logger } from '@ent/logging';
import type { Messaging } from '@ent/messaging';
import { createInbox } from '@ent/messaging/inbox';
import { createOutbox } from '@ent/messaging/outbox';
import { createSaga } from './orders/saga.ts';
import { createOrderService } from './orders/service.ts';
import { createPayments } from './payments/payments.ts';
import type { Provider } from './payments/provider.ts';
import { createStock } from './stock/stock.ts';
import { createViews, type ViewTables } from './views/views.ts';

export interface ShopParts {
  db: Database<SqlNative<ViewTables>>;
  messaging: Messaging;
  provider: Provider;
  logger: Logger;
  waits: { readonly payment: number; readonly step: number };
  /** After which time the relay of an instance that died is replaced. */
  relayLease: number;
}

/** The parts of the shop, which meet in their database and their messages alone. */
export function createShop({ db, messaging, provider, logger, waits, relayLease }: ShopParts) {
  const outbox = createOutbox({ db, source: 'order-service' });
  const inbox = createInbox({ db });
  const saga = createSaga({ db, outbox, inbox, logger, waits });
  const views = createViews(db);
  const listening = [saga, createStock({ db, inbox, outbox }), createPayments({ inbox, outbox, provider }), views];
  return {
    saga,
    views,
    orders: createOrderService({ db, saga }),
    relay: outbox.relay(messaging, { lease: relayLease }),
    /** Has every part listen for what is said to it. */
    async listen(): Promise<void> {
      for (const part of listening) await part.subscribe(messaging);
    },
  };
}
