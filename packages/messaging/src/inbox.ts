export { createInboxTable, dropInboxTable, type SqlTables } from './outbox/create-tables.ts';
export type { OutboxDatabase, StoredRows } from './outbox/database.ts';
export { createInbox, type Inbox, type InboxOptions } from './outbox/inbox.ts';
export { inboxEntity, type StoredEntity, type TableOptions } from './outbox/tables.ts';
