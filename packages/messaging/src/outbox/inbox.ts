import { createHash } from 'node:crypto';
import { EntError } from '@ent/errors';
import { kindOf, refuseUnknown } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import { beginningOf } from '../internal/beginning.ts';
import { durationOption } from '../internal/checks.ts';
import { systemClock } from '../internal/clock.ts';
import type { Handler, HandlerContext, Message } from '../message.ts';
import type { Clock, Duration } from '../options.ts';
import { type OutboxDatabase, rowsOf } from './database.ts';
import { inboxEntity, type Seen, type TableOptions } from './tables.ts';

/** Options of {@link createInbox}. */
export interface InboxOptions extends TableOptions {
  /** The `Database` of `@ent/database` that the handlers write to. Its table comes from `createInboxTable`. */
  readonly db: OutboxDatabase;
  /**
   * How long a message is remembered. A duplicate that comes later has its effect again: dead letters that are replayed
   * after a month, for example. Default `"7d"`.
   */
  readonly retention?: Duration | undefined;
  /** The name of the table. Default `"ent_inbox"`. */
  readonly table?: string | undefined;
  /** For tests. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** Remembers which messages were handled, in the transactions that handled them. */
export interface Inbox {
  /**
   * A handler that has its effect once, however often its message comes: it runs in a transaction that also remembers
   * the message, for its group. What it writes to this database is stored with that, or not at all; a duplicate is
   * passed over. What it does elsewhere (a call over HTTP, an e-mail) is outside of that; an outbox on the same
   * database is inside.
   *
   * The transaction runs it again after a conflict with another one, and rolls back when its signal aborts. It may take
   * as long as the subscription's `timeout`, whatever `transactionTimeout` the database has; the wait for it to begin
   * is no part of that. A wait that takes as long itself, or a database that is away or has no connection free, is
   * `messaging.busy`: the message comes again, and no attempt is counted.
   */
  once<T>(handler: Handler<T>): (message: Message<T>, context: HandlerContext) => Promise<void>;
  /** Forgets what is older than the retention, and answers how much. Happens by itself about every hour. */
  clean(): Promise<number>;
}

const OPTIONS = { db: true, retention: true, table: true, clock: true } as const;
const CLEAN_EVERY_MS = 3_600_000;
const CLEAN_AT_ONCE = 500;

/**
 * Makes an {@link Inbox} on a database.
 *
 * ```ts
 * import { createDatabase, createMigrator } from '@ent/database';
 * import { sqlite } from '@ent/database/sqlite';
 * import { createMessaging } from '@ent/messaging';
 * import { createInbox, createInboxTable } from '@ent/messaging/inbox';
 * import { memory } from '@ent/messaging/memory';
 *
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * await createMigrator(db, [{ name: '0001_inbox', up: (native) => createInboxTable(native) }]).up();
 * const inbox = createInbox({ db });
 * const messaging = createMessaging({ driver: memory() });
 * const handler = inbox.once(async (message) => {
 *   // ... write to db: stored once for each message id ...
 * });
 * await messaging.subscribe('order.placed', { group: 'totals' }, handler);
 * await messaging.close();
 * await db.close();
 * ```
 *
 * @throws `messaging.invalid_options`
 */
export function createInbox(options: InboxOptions): Inbox {
  refuseUnknown(options, OPTIONS, 'createInbox', messagingErrors.invalid_options);
  const { db, retention = '7d', table, clock = systemClock } = options;
  if (typeof db?.transaction !== 'function') {
    throw messagingErrors.invalid_options('createInbox needs a "db", such as createDatabase of @ent/database makes.');
  }
  if (!db.features.transactions) {
    throw messagingErrors.invalid_options('createInbox: this database has no transactions, and an inbox needs them.');
  }
  const retentionMs = durationOption(retention, 'retention');
  const rows = rowsOf<Seen>(db, inboxEntity(table));
  let cleanAt = clock.now() + CLEAN_EVERY_MS;

  const clean = async (): Promise<number> => {
    const where = { at: { lt: new Date(clock.now() - retentionMs) } };
    let removed = 0;
    for (;;) {
      // A few at a time: nobody waits for long.
      const old = await rows.find({ where, sort: [['at', 'asc']], limit: CLEAN_AT_ONCE });
      if (old.length === 0) return removed;
      removed += (await rows.deleteMany({ where: { id: { in: old.map(({ id }) => id) } } })).matched;
    }
  };

  const cleanByTime = (): void => {
    if (clock.now() < cleanAt) return;
    cleanAt = clock.now() + CLEAN_EVERY_MS;
    // Nobody waits for it. What is kept for longer does no harm.
    void clean().catch(() => {});
  };

  return {
    once(handler) {
      if (typeof handler !== 'function') {
        throw messagingErrors.invalid_options(`inbox.once takes a handler; got ${kindOf(handler)}.`);
      }
      return async (message, context) => {
        const { signal, group } = context;
        const beginning = beginningOf(context);
        let isTried = false;
        const work = async (): Promise<void> => {
          beginning?.begins();
          const fresh = { id: idOf(group, message), times: 1, at: new Date(clock.now()) };
          // One step: a duplicate that is handled meanwhile waits here for the end of the other transaction.
          const { times } = await rows.upsert(['id'], fresh, { inc: { times: 1 } });
          if (times > 1) return;
          isTried = true;
          await handler(message, context);
        };
        beginning?.waits();
        // The signal ends it, and says why. A wait, and then the handler: it takes no longer than both.
        const timeout = beginning && beginning.timeoutMs * 2;
        try {
          await db.transaction(work, { signal, timeout });
        } catch (error) {
          if (isTried || signal.aborted || !mayPass(error)) throw error;
          throw messagingErrors.busy(`The transaction of the inbox for "${group}" could not begin.`, { cause: error });
        }
        cleanByTime();
      };
    },
    clean,
  };
}

function mayPass(error: unknown): boolean {
  return EntError.is(error) && error.retryable !== 'never';
}

/** Short enough for a key, whatever the names are. */
function idOf(group: string, { topic, source, id }: Message): string {
  return createHash('sha256')
    .update(JSON.stringify([group, topic, source, id]))
    .digest('base64url');
}
