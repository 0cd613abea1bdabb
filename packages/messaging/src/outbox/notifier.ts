import { exponentialBackoff, kindOf } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import { pause, systemClock } from '../internal/clock.ts';

/**
 * Tells relays in other processes of messages, so that they need not look for them as often. Only a hint: what it
 * loses is found by looking.
 *
 * With `listen` and `notify` of `@ent/database/postgres`:
 *
 * ```ts no-run
 * import type { Database } from '@ent/database';
 * import { listen, notify } from '@ent/database/postgres';
 * import type { Notifier } from '@ent/messaging/outbox';
 *
 * declare const db: Database<unknown>;
 * export const notifier: Notifier = {
 *   notify: () => notify(db, 'outbox', ''),
 *   listen: (wake) => listen(db, 'outbox', wake, { onGap: wake }),
 * };
 * ```
 */
export interface Notifier {
  /** Called after a commit with messages, by a process that has no relay of its own. */
  notify(): Promise<unknown>;
  /** Calls `wake` whenever somebody notifies. */
  listen(wake: () => void): Promise<{ close(): unknown }>;
}

const again = exponentialBackoff({ baseMs: 500, maxMs: 30_000 });

/**
 * A notifier by what the database itself tells of, such as `watch` of `@ent/database/mongodb` on a replica set: each
 * new message wakes, and nobody has to notify. A loop that fails begins again, after a warning of the process.
 *
 * ```ts no-run
 * import { createDatabase } from '@ent/database';
 * import { mongodb, watch } from '@ent/database/mongodb';
 * import { changesNotifier, createOutbox, outboxEntities } from '@ent/messaging/outbox';
 *
 * const db = createDatabase({ driver: mongodb({ url: 'mongodb://localhost/app?replicaSet=rs0' }) });
 * const { messages } = outboxEntities();
 * const outbox = createOutbox({ db, notifier: changesNotifier((signal) => watch(db, messages, { signal })) });
 * ```
 *
 * @param changes the changes of the outbox's messages from now on, until the signal aborts
 * @throws `messaging.invalid_options`
 */
export function changesNotifier(changes: (signal: AbortSignal) => AsyncIterable<{ readonly type: string }>): Notifier {
  if (typeof changes !== 'function') {
    throw messagingErrors.invalid_options(`changesNotifier takes a function; got ${kindOf(changes)}.`);
  }
  return {
    notify: async () => {},
    async listen(wake) {
      const ending = new AbortController();
      const { signal } = ending;
      const listening = (async () => {
        for (let failures = 0; !signal.aborted; ) {
          try {
            for await (const { type } of changes(signal)) {
              failures = 0;
              if (type === 'insert') wake();
            }
          } catch (error) {
            if (failures === 0) process.emitWarning(`An outbox is not told of messages: ${String(error)}`);
          }
          failures += 1;
          await pause(systemClock, again(failures), signal);
          // What came meanwhile.
          if (!signal.aborted) wake();
        }
      })();
      return {
        async close() {
          ending.abort();
          await listening;
        },
      };
    },
  };
}
