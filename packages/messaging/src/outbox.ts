export { createOutboxTables, type DocumentTables, dropOutboxTables, type SqlTables } from './outbox/create-tables.ts';
export type { OutboxDatabase, StoredRows } from './outbox/database.ts';
export { changesNotifier, type Notifier } from './outbox/notifier.ts';
export {
  createOutbox,
  type Outbox,
  type OutboxLag,
  type OutboxOptions,
  type OutboxPublishOptions,
  type ParkedMessage,
} from './outbox/outbox.ts';
export type { Relay, RelayOptions } from './outbox/relay.ts';
export { outboxEntities, type StoredEntity, type TableOptions } from './outbox/tables.ts';
