import { refuseUnknown } from '@ent/internal';
import type { ChangeStreamDocument, Document } from 'mongodb';
import type { DatabaseDriver, Row } from '../../driver.ts';
import type { Entity } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { demandHost } from '../../internal/demand-host.ts';
import { wrapped } from '../../internal/faults.ts';
import type { Hosted } from '../../internal/host.ts';
import type { Codecs } from './codec.ts';
import type { Session } from './session.ts';

/** Options of {@link watch}. */
export interface WatchOptions {
  /** The `token` of a change: those after it. Default: what changes from now on. */
  readonly after?: string | undefined;
  /** Ends the loop. */
  readonly signal?: AbortSignal | undefined;
}

/** One change of one row. */
export interface RowChange<T> {
  readonly type: 'insert' | 'update' | 'delete';
  /** What its `_id` is, as text. */
  readonly id: string;
  /** The row as it is by now; null where it is gone. */
  readonly row: T | null;
  /** For `after`, when the program comes again. */
  readonly token: string;
}

/** What a driver lends. */
interface Watched {
  readonly codecs: Codecs;
  /** What ends each one that is open. */
  readonly streams: Set<() => void>;
}

const watched = new WeakMap<DatabaseDriver, Watched>();

/** Lets the databases of a driver be watched. */
export function letWatch(driver: DatabaseDriver, what: Watched): void {
  watched.set(driver, what);
}

const KINDS: Readonly<Record<string, RowChange<unknown>['type']>> = {
  insert: 'insert',
  update: 'update',
  replace: 'update',
  delete: 'delete',
};

/**
 * The committed changes of an entity's rows, in their order, by a change stream: whoever made them. It goes on by
 * itself after a failover; a program that ended goes on by `after`, as long as the server's oplog reaches back. Ends
 * with the database.
 *
 * https://www.mongodb.com/docs/manual/changeStreams/
 *
 * ```ts no-run
 * import { createDatabase, defineEntity } from '@ent/database';
 * import { mongodb, watch } from '@ent/database/mongodb';
 *
 * const db = createDatabase({ driver: mongodb({ url: 'mongodb://localhost/app?replicaSet=rs0' }) });
 * const users = defineEntity({ name: 'users', fields: { id: 'string', email: 'string' } });
 * for await (const { type, id, row } of watch(db, users)) console.log(type, id, row?.email);
 * ```
 *
 * @throws `database.unsupported` for a database that is not MongoDB, or a server without change streams
 */
export async function* watch<T extends { id: string }, New>(
  db: Hosted,
  entity: Entity<T, New>,
  options: WatchOptions = {},
): AsyncGenerator<RowChange<T>, void, undefined> {
  refuseUnknown(options, { after: true, signal: true }, 'watch', databaseErrors.invalid_query);
  const host = demandHost(db, 'watch');
  const source = watched.get(host.driver);
  if (source === undefined) throw databaseErrors.unsupported('watch is for a database of mongodb().');
  const resumeAfter = tokenOf(options.after);
  options.signal?.throwIfAborted();
  // From then on the database is open, and closes this with it.
  const collection = await host.run({ operation: 'watch', use: 'read' }, undefined, (session) =>
    (session as Session).collection(entity.table),
  );
  const stream = collection.watch([], {
    fullDocument: 'updateLookup',
    ...(resumeAfter !== undefined && { resumeAfter }),
  });
  let isEnded = false;
  let wake: (() => void) | undefined;
  const end = (): void => {
    isEnded = true;
    // Who waits is let go at once: the server may be one that answers no more.
    wake?.();
    stream.close().catch(() => {});
  };
  source.streams.add(end);
  options.signal?.addEventListener('abort', end, { once: true });
  try {
    for (;;) {
      const event = await new Promise<ChangeStreamDocument | undefined>((resolve, reject) => {
        wake = () => resolve(undefined);
        stream.next().then(resolve, reject);
      });
      if (event === undefined || isEnded) return;
      if (event.operationType === 'invalidate') {
        throw databaseErrors.query_failed(`watch: the collection ${entity.name} was dropped or renamed.`);
      }
      const change = changeOf(source.codecs, entity, event);
      if (change !== undefined) yield change as RowChange<T>;
    }
  } catch (error) {
    // The library closes it after any error; what counts is whether that was asked for.
    if (isEnded) return;
    throw isUnknown(error)
      ? databaseErrors.unsupported('watch: the server has no change streams; they need a replica set.', {
          cause: error,
        })
      : wrapped(host.driver, error, { operation: 'watch', entity: entity.name });
  } finally {
    options.signal?.removeEventListener('abort', end);
    source.streams.delete(end);
    end();
  }
}

function changeOf<T, New>(
  codecs: Codecs,
  entity: Entity<T & { id: string }, New>,
  event: ChangeStreamDocument,
): RowChange<Row> | undefined {
  const type = KINDS[event.operationType];
  // Of the collection itself: it was dropped or renamed.
  if (type === undefined) return undefined;
  const { documentKey, fullDocument } = event as { documentKey: { _id: unknown }; fullDocument?: Document | null };
  return {
    type,
    id: String(documentKey._id),
    row: fullDocument ? codecs.row(entity, fullDocument) : null,
    token: JSON.stringify(event._id),
  };
}

function tokenOf(after: string | undefined): unknown {
  if (after === undefined) return undefined;
  try {
    const token: unknown = JSON.parse(after);
    if (typeof token === 'object' && token !== null) return token;
  } catch {
    // Refused below.
  }
  throw databaseErrors.invalid_cursor('watch: after is not the token of a change.');
}

const NOT_ON_A_STANDALONE = 40573;
const NOT_IMPLEMENTED = 238;

function isUnknown(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === NOT_ON_A_STANDALONE || code === NOT_IMPLEMENTED;
}
