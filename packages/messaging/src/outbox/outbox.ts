import { type Awaitable, refuseUnknown, traced } from '@ent/internal';
import { channels, type PublishOperation } from '../channels.ts';
import type { WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { systemClock } from '../internal/clock.ts';
import { forwardingOf } from '../internal/forward.ts';
import { Payloads } from '../internal/payload.ts';
import { ABOUT, checkAttribute, type Origin, prepareMessage } from '../internal/prepare.ts';
import type { Topic } from '../message.ts';
import type { Messaging } from '../messaging.ts';
import type { Clock, PublishOptions } from '../options.ts';
import type { MessageSerializer } from '../serializer.ts';
import { type OutboxDatabase, rowsOf } from './database.ts';
import { Marks } from './marks.ts';
import type { Notifier } from './notifier.ts';
import { OutboxRelay, type Relay, type RelayOptions, type RelayParts } from './relay.ts';
import { AT_ONCE, type Mark, outboxEntities, PARKED, type StoredMessage, type TableOptions } from './tables.ts';

/** Options of {@link createOutbox}. */
export interface OutboxOptions extends TableOptions {
  /** A `Database` of `@ent/database`. Its tables come from `createOutboxTables`. */
  readonly db: OutboxDatabase;
  /** The CloudEvents `source` of each message, such as the service's name. Default `"unknown"`. */
  readonly source?: string | undefined;
  /**
   * `false` for a database that has none, such as a standalone MongoDB: then what publishes and its change are two
   * steps. A crash between them leaves one without the other, what is published is sent even where the change fails
   * later, and messages that are published by one key at the same time are in no order. Default `true`: such a
   * database is refused.
   */
  readonly transactions?: boolean | undefined;
  /** How data becomes bytes, as of `createMessaging`. Default: JSON. */
  readonly serializer?: MessageSerializer | undefined;
  /** How relays in other processes are told. Default: they look for messages now and then. */
  readonly notifier?: Notifier | undefined;
  /** The name of the table. Default `"ent_outbox"`; another one is `ent_outbox_marks`. */
  readonly table?: string | undefined;
  /** For tests. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** What may be said about one message of an outbox beside its data. */
export interface OutboxPublishOptions extends Omit<PublishOptions, 'signal' | 'key' | 'priority'> {
  /**
   * Messages of the same key are sent one after the other, in the order in which their transactions commit: the id of
   * what they are about, for example. At most 180 characters. Transactions that publish by one key wait for each other;
   * on MongoDB they are in each other's way, and `db.transaction` runs one of them again. Default: no order.
   */
  readonly key?: string | undefined;
}

/** How much waits in an outbox. */
export interface OutboxLag {
  /** Messages that are not sent yet. */
  readonly waiting: number;
  /** When the oldest of them was published; null when there is none. */
  readonly oldest: Date | null;
  /** Messages that are not tried any more. */
  readonly parked: number;
}

/** A message that is not tried any more. */
export interface ParkedMessage {
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly subject: string | undefined;
  readonly key: string | undefined;
  /** When it was published. */
  readonly time: Date;
  readonly attempts: number;
  /** The code and the message of the last error. */
  readonly error: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Publishes with a transaction: what is published in it is sent if it commits, and not at all if it does not. */
export interface Outbox {
  /**
   * Stores a message, to be sent after the commit, at least once and always under the same id.
   *
   * @throws `messaging.no_transaction` outside of a transaction, where the database has them;
   *   `messaging.not_serializable`, `messaging.invalid_payload`, `messaging.invalid_options` before anything is stored;
   *   what the database throws
   */
  publish<Input>(
    topic: string | Topic<Input, unknown>,
    data: NoInfer<Input>,
    options?: OutboxPublishOptions,
  ): Promise<{ readonly id: string }>;
  /** What sends the messages; to be started and closed. */
  relay(messaging: Messaging, options?: RelayOptions): Relay;
  lag(): Promise<OutboxLag>;
  /**
   * The messages that were given up, oldest first.
   *
   * @param options `limit`: at most so many. Default 100
   */
  parked(options?: { readonly limit?: number | undefined }): Promise<ParkedMessage[]>;
  /** Has parked messages sent after all, those with these ids or all, and answers how many. */
  retryParked(ids?: readonly string[]): Promise<number>;
  /** Removes parked messages for good, and answers how many there were. */
  dropParked(ids: readonly string[]): Promise<number>;
}

const OPTIONS = {
  db: true,
  source: true,
  transactions: true,
  serializer: true,
  notifier: true,
  table: true,
  clock: true,
} as const;
const PUBLISH_OPTIONS = { ...ABOUT, mandatory: true } as const;

/**
 * Makes an {@link Outbox} on a database: messages are stored in the transaction that they belong to.
 *
 * ```ts
 * import { createDatabase, createMigrator } from '@ent/database';
 * import { sqlite } from '@ent/database/sqlite';
 * import { createMessaging } from '@ent/messaging';
 * import { memory } from '@ent/messaging/memory';
 * import { createOutbox, createOutboxTables } from '@ent/messaging/outbox';
 *
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * await createMigrator(db, [{ name: '0001_outbox', up: (native) => createOutboxTables(native) }]).up();
 * const messaging = createMessaging({ driver: memory() });
 * const outbox = createOutbox({ db, source: 'shop' });
 * const relay = outbox.relay(messaging);
 * await relay.start();
 * await db.transaction(async () => {
 *   // ... store the order ...
 *   await outbox.publish('order.placed', { order: 42 }, { key: '42' });
 * });
 * await relay.close();
 * await messaging.close();
 * await db.close();
 * ```
 *
 * @throws `messaging.invalid_options`
 */
export function createOutbox(options: OutboxOptions): Outbox {
  refuseUnknown(options, OPTIONS, 'createOutbox', messagingErrors.invalid_options);
  const { db, source = 'unknown', transactions = true, notifier, table, clock = systemClock } = options;
  if (typeof db?.afterCommit !== 'function') {
    throw messagingErrors.invalid_options('createOutbox needs a "db", such as createDatabase of @ent/database makes.');
  }
  if (transactions !== db.features.transactions) {
    throw messagingErrors.invalid_options(
      db.features.transactions
        ? 'createOutbox: "transactions" must be true, or left out: this database has them.'
        : 'createOutbox: this database has no transactions, so that a crash can part a message from its change; ' +
            'say "transactions: false" if you can live with that.',
    );
  }
  const payloads = new Payloads(options.serializer);
  const origin: Origin = { source: checkAttribute('source', source), payloads, clock };
  const entities = outboxEntities(table);
  const messages = rowsOf<StoredMessage>(db, entities.messages);
  const rows = rowsOf<Mark>(db, entities.marks);
  const marks = new Marks(rows, messages, clock);
  const relays = new Set<() => void>();

  /** Relays of this process are told; without one, those of others. */
  const committed = (): void => {
    for (const wake of relays) wake();
    if (relays.size > 0 || notifier === undefined) return;
    // Nobody waits for it, and what it loses is found all the same.
    void (async () => notifier.notify())().catch(() => {});
  };
  const demandTransaction = (): void => {
    if (!transactions) return;
    let isCommitted = false;
    db.afterCommit(() => {
      isCommitted = true;
      committed();
    });
    if (!isCommitted) return;
    throw messagingErrors.no_transaction(
      'outbox.publish was called outside of a transaction: call it inside db.transaction, with the change that it tells of.',
    );
  };

  const store = async (message: WireMessage, { key, mandatory = false }: OutboxPublishOptions): Promise<void> => {
    demandTransaction();
    const { id: messageId, topic, type, subject, time, contentType, headers, body } = message;
    await messages.insert({
      messageId,
      topic,
      type,
      source: message.source,
      subject: subject ?? null,
      time: new Date(time),
      contentType,
      headers,
      body,
      orderKey: key ?? null,
      position: key === undefined ? 0 : await marks.next(key),
      mandatory,
      attempts: 0,
      dueAt: AT_ONCE,
      error: null,
    });
    if (!transactions) committed();
  };

  const parts: RelayParts = {
    messages,
    marks: rows,
    transaction: (work, given) => (transactions ? db.transaction(work, given) : work()),
    notifier,
    onCommit: (wake) => {
      relays.add(wake);
      return () => relays.delete(wake);
    },
  };

  return {
    async publish(topic, data, about = {}) {
      refuseUnknown(about, PUBLISH_OPTIONS, 'outbox.publish', messagingErrors.invalid_options);
      const prepared: Awaitable<WireMessage> = prepareMessage(topic, data, about, origin);
      const message = prepared instanceof Promise ? await prepared : prepared;
      await publishing(message, () => store(message, about));
      return { id: message.id };
    },
    relay: (messaging, given = {}) => new OutboxRelay(parts, forwardingOf(messaging, 'outbox.relay'), given),
    async lag() {
      const waits = { dueAt: { lt: PARKED } };
      const waiting = await messages.count({ where: waits });
      const [oldest] = await messages.find({ where: waits, sort: [['id', 'asc']], limit: 1 });
      const parked = await messages.count({ where: { dueAt: PARKED } });
      return { waiting, oldest: oldest?.time ?? null, parked };
    },
    async parked(given = {}) {
      refuseUnknown(given, { limit: true }, 'parked', messagingErrors.invalid_options);
      const found = await messages.find({ where: { dueAt: PARKED }, sort: [['id', 'asc']], limit: given.limit ?? 100 });
      return found.map(parkedOf);
    },
    async retryParked(ids) {
      const where = { dueAt: PARKED, ...(ids && { messageId: { in: ids } }) };
      const set = { dueAt: AT_ONCE, attempts: 0, error: null };
      const { matched } = await messages.updateMany({ set }, { where });
      if (matched > 0) db.afterCommit(committed);
      return matched;
    },
    async dropParked(ids) {
      return (await messages.deleteMany({ where: { dueAt: PARKED, messageId: { in: ids } } })).matched;
    },
  };
}

/** Who traces adds headers, while the request is known that the message belongs to. */
async function publishing({ id, topic, headers }: WireMessage, work: () => Promise<void>): Promise<void> {
  if (!channels.publish.hasSubscribers) return work();
  const messages = [{ id, headers: headers as Record<string, string> }];
  const operation: PublishOperation = { driver: 'outbox', topic, messages, outcome: 'failed' };
  return traced(channels.publish, operation, async () => {
    await work();
    operation.outcome = 'stored';
  });
}

function parkedOf(row: StoredMessage): ParkedMessage {
  const { messageId: id, topic, type, time, attempts, headers, body } = row;
  return {
    id,
    topic,
    type,
    subject: row.subject ?? undefined,
    key: row.orderKey ?? undefined,
    time,
    attempts,
    error: row.error ?? '',
    headers,
    body,
  };
}
