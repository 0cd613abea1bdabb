import { refuseUnknown } from '@ent/internal';
import { databaseErrors } from '../../errors.ts';
import { demandHost } from '../../internal/demand-host.ts';
import type { Hosted } from '../../internal/host.ts';
import { fromFirstWord } from '../../internal/sql/lead.ts';
import { inScope, scopeHere, type TenantScope } from '../../internal/tenancy.ts';
import type { CallOptions } from '../../options.ts';
import { CopyingIn, CopyingOut, NoCopyError, SourceError } from './copying.ts';
import { Session } from './session.ts';

/** What {@link copyIn} reads from: a stream, a generator, a list. A string is sent as UTF-8. */
export type CopySource = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/**
 * Stores many rows by COPY, the fastest way in, and answers how many there were: all of them, or none. The source is
 * read as fast as the server takes it. It joins the transaction around it, in which other calls wait until it ends.
 *
 * ```ts no-run
 * import { createReadStream } from 'node:fs';
 * import { createDatabase } from '@ent/database';
 * import { copyIn, postgres } from '@ent/database/postgres';
 *
 * const db = createDatabase({ driver: postgres({ url: 'postgres://app:secret@localhost/app' }) });
 * const rows = await copyIn(db, 'copy users (id, email) from stdin (format csv)', createReadStream('users.csv'), {
 *   timeout: '10m',
 * });
 * console.log(rows);
 * ```
 *
 * https://www.postgresql.org/docs/current/sql-copy.html
 *
 * @param db the database, over the driver `postgres`
 * @param statement `copy ... from stdin ...`, in which no value can be bound
 * @param source its errors are passed on, and nothing is stored
 * @param options the time is that of the whole, by default the database's
 * @throws `database.bad_data` for a row that does not fit, `database.unique_violation`, ...
 */
export async function copyIn(
  db: Hosted,
  statement: string,
  source: CopySource,
  options: CallOptions = {},
): Promise<number> {
  expectCopy('copyIn', statement, FROM_STDIN, options);
  const host = demandHost(db, 'copyIn');
  if (source === null || typeof source !== 'object' || !(Symbol.asyncIterator in source || Symbol.iterator in source)) {
    throw databaseErrors.invalid_query('copyIn: source must be a stream, or another iterable of text or bytes.');
  }
  try {
    // What was read of the source is gone, so it is not run again.
    return await host.run({ operation: 'copyIn', use: 'write', once: true }, options, async (session) => {
      const copying = new CopyingIn(statement);
      const copied = sessionOf('copyIn', session).copy(copying);
      copied.catch(() => {});
      await copying.feed(source).catch((error: unknown) => {
        if (error instanceof SourceError) throw error;
      });
      return copied;
    });
  } catch (error) {
    throw toldOf('copyIn', error);
  }
}

/**
 * What a COPY gives, in pieces of bytes that may end in the middle of a row; the server waits for who reads slowly. It
 * joins the transaction around the loop, in which other calls wait until it ends, and is of the tenant around this
 * call, where the database is told of tenants; who leaves the loop early ends the statement on the server, and that
 * transaction with it. It is asked of the primary, where there are replicas. `Readable.from(...)` makes a stream of it.
 *
 * ```ts no-run
 * import { createWriteStream } from 'node:fs';
 * import { pipeline } from 'node:stream/promises';
 * import { createDatabase } from '@ent/database';
 * import { copyOut, postgres } from '@ent/database/postgres';
 *
 * const db = createDatabase({ driver: postgres({ url: 'postgres://app:secret@localhost/app' }) });
 * const rows = copyOut(db, 'copy users to stdout (format csv, header)', { timeout: '10m' });
 * await pipeline(rows, createWriteStream('users.csv'));
 * ```
 *
 * https://www.postgresql.org/docs/current/sql-copy.html
 *
 * @param db the database, over the driver `postgres`
 * @param statement `copy ... to stdout ...`
 * @param options the time is that of the whole, by default the database's
 */
export function copyOut(
  db: Hosted,
  statement: string,
  options: CallOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  return piecesOf(db, statement, options, scopeHere());
}

async function* piecesOf(
  db: Hosted,
  statement: string,
  options: CallOptions,
  scope: TenantScope | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  expectCopy('copyOut', statement, TO_STDOUT, options);
  const host = demandHost(db, 'copyOut');
  const copying = new CopyingOut(statement);
  const left = new AbortController();
  const signal = options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal]);
  let failure: { readonly error: unknown } | undefined;
  // What was read of it is read, so it is not run again, and a replica that refuses it would be the end of it.
  const running = inScope(scope, async () =>
    host.run({ operation: 'copyOut', use: 'read', once: true, latest: true }, { ...options, signal }, (session) =>
      sessionOf('copyOut', session).copy(copying),
    ),
  ).then(
    () => {},
    (error: unknown) => {
      failure = { error };
      copying.stop();
    },
  );
  try {
    yield* copying.pieces();
    await running;
  } finally {
    left.abort(new Error('The reader of a COPY has left.'));
    await running;
  }
  if (failure !== undefined) throw toldOf('copyOut', failure.error);
}

const FROM_STDIN = /^copy\s[^;]*\bfrom\s+stdin\b/i;
const TO_STDOUT = /^copy\s[\s\S]*\bto\s+stdout\b/i;

function expectCopy(operation: string, statement: unknown, form: RegExp, options: CallOptions): void {
  refuseUnknown(options, { signal: true, timeout: true }, operation, databaseErrors.invalid_query);
  if (typeof statement !== 'string' || !form.test(fromFirstWord(statement, 'nested'))) throw noCopy(operation);
}

function noCopy(operation: string): Error {
  const form = operation === 'copyIn' ? 'copy ... from stdin' : 'copy ... to stdout';
  return databaseErrors.invalid_query(`${operation} takes one statement of the form "${form}".`);
}

function sessionOf(operation: string, session: unknown): Session {
  if (session instanceof Session) return session;
  throw databaseErrors.unsupported(`${operation} is for a database of postgres().`);
}

function toldOf(operation: string, error: unknown): unknown {
  if (error instanceof SourceError) return error.cause;
  return error instanceof NoCopyError ? noCopy(operation) : error;
}
