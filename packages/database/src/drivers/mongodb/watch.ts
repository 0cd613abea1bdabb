import { kindOf, refuseUnknown } from '@ent/internal';
import type { ChangeStreamDocument, Document } from 'mongodb';
import type { DatabaseDriver, Row } from '../../driver.ts';
import type { Entity } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { demandHost } from '../../internal/demand-host.ts';
import { wrapped } from '../../internal/faults.ts';
import type { Hosted } from '../../internal/host.ts';
import { scopeHere, type TenantScope } from '../../internal/tenancy.ts';
import type { Codecs } from './codec.ts';
import type { Session } from './session.ts';

/** Options of {@link watch}. */
export interface WatchOptions {
  /** The `token` of a change: those after it. Default: what changes from now on. */
  readonly after?: string | undefined;
  /**
   * Called when the server no longer has what comes next, since its oplog does not reach back as far: those changes are
   * lost to the loop, so look for yourself. It goes on with what changes from then on. Default: the loop ends with
   * `database.changes_lost`.
   */
  readonly onGap?: (() => void | Promise<void>) | undefined;
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
 * itself after a failover; a program that ended goes on by `after`, as long as the server's oplog reaches back, and is
 * told by `onGap` or an error when it does not. Ends with the database.
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
 * @throws `database.unsupported` for a database that is not MongoDB, or a server without change streams;
 *   `database.changes_lost` where the server has forgotten what comes next; `database.invalid_cursor` for a token that
 *   is none; `database.tenant_missing` for an entity with a `tenant`, outside of `acrossTenants`
 */
export function watch<T extends { id: string }, New>(
  db: Hosted,
  entity: Entity<T, New>,
  options: WatchOptions = {},
): AsyncGenerator<RowChange<T>, void, undefined> {
  return changesOf(db, entity, options, scopeHere());
}

async function* changesOf<T extends { id: string }, New>(
  db: Hosted,
  entity: Entity<T, New>,
  options: WatchOptions,
  scope: TenantScope | undefined,
): AsyncGenerator<RowChange<T>, void, undefined> {
  refuseUnknown(options, { after: true, signal: true, onGap: true }, 'watch', databaseErrors.invalid_query);
  const host = demandHost(db, 'watch');
  const source = watched.get(host.driver);
  if (source === undefined) throw databaseErrors.unsupported('watch is for a database of mongodb().');
  // What is told of a row that is gone is its id alone, so that nobody knows whose it was.
  if (entity.tenant !== undefined && scope !== 'all') {
    throw databaseErrors.tenant_missing('watch: shows the changes of all tenants; put it into acrossTenants(work).');
  }
  const { onGap, signal } = options;
  if (onGap !== undefined && typeof onGap !== 'function') {
    throw databaseErrors.invalid_query(`watch: onGap must be a function; got ${kindOf(onGap)}.`);
  }
  const resumeAfter = tokenOf(options.after);
  signal?.throwIfAborted();
  // From then on the database is open, and closes this with it.
  const collection = await host.run({ operation: 'watch', use: 'read' }, undefined, (session) =>
    (session as Session).collection(entity.table),
  );
  const open = (after: unknown) =>
    collection.watch([], { fullDocument: 'updateLookup', ...(after !== undefined && { resumeAfter: after }) });
  let stream = open(resumeAfter);
  let isEnded = false;
  let wake: (() => void) | undefined;
  const end = (): void => {
    isEnded = true;
    // Who waits is let go at once: the server may be one that answers no more.
    wake?.();
    stream.close().catch(() => {});
  };
  const orEnd = <R>(work: Promise<R>): Promise<R | undefined> =>
    new Promise((resolve, reject) => {
      wake = () => resolve(undefined);
      work.then(resolve, reject);
    });
  /** Null for none yet. */
  const next = async (): Promise<ChangeStreamDocument | null | undefined> => {
    try {
      return await orEnd(stream.next());
    } catch (error) {
      if (isEnded || onGap === undefined || codeOf(error) !== HISTORY_LOST) throw error;
      // Open before anybody looks, so that nothing is missed in between.
      stream = open(undefined);
      const first = await orEnd(stream.tryNext());
      if (!isEnded) await onGap();
      return first;
    }
  };
  source.streams.add(end);
  signal?.addEventListener('abort', end, { once: true });
  try {
    for (;;) {
      const event = await next();
      if (event === undefined || isEnded) return;
      if (event === null) continue;
      if (event.operationType === 'invalidate') {
        throw databaseErrors.query_failed(`watch: the collection ${entity.name} was dropped or renamed.`);
      }
      const change = changeOf(source.codecs, entity, event);
      if (change !== undefined) yield change as RowChange<T>;
    }
  } catch (error) {
    // The library closes it after any error; what counts is whether that was asked for.
    if (isEnded) return;
    throw told(error, entity.name) ?? wrapped(host.driver, error, { operation: 'watch', entity: entity.name });
  } finally {
    signal?.removeEventListener('abort', end);
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

// https://www.mongodb.com/docs/manual/reference/error-codes/
const NOT_ON_A_STANDALONE = 40573;
const NOT_IMPLEMENTED = 238;
const HISTORY_LOST = 286;
const INVALID_TOKEN = 260;

function codeOf(error: unknown): unknown {
  return ((error ?? {}) as { code?: unknown }).code;
}

/** What is about change streams alone. */
function told(cause: unknown, entity: string): Error | undefined {
  switch (codeOf(cause)) {
    case NOT_ON_A_STANDALONE:
    case NOT_IMPLEMENTED:
      return databaseErrors.unsupported('watch: the server has no change streams; they need a replica set.', { cause });
    case HISTORY_LOST:
      return databaseErrors.changes_lost(
        'watch: the server no longer has what comes next (ChangeStreamHistoryLost). Read what you watch, then watch without "after".',
        { cause, details: { entity } },
      );
    case INVALID_TOKEN:
      return databaseErrors.invalid_cursor('watch: after is a token that the server does not know.', { cause });
    default:
      return undefined;
  }
}
