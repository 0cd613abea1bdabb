import { kindOf, outsideContext, refuseUnknown, throwUncaught } from '@ent/internal';
import type { DatabaseDriver } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import { demandHost } from '../../internal/demand-host.ts';
import { wrapped } from '../../internal/faults.ts';
import type { Hosted } from '../../internal/host.ts';
import { Listener } from './listener.ts';
import type { Settings } from './options.ts';
import type { Session } from './session.ts';

/** Options of {@link listen}. */
export interface ListenOptions {
  /**
   * Called when the connection was lost and is there again: what was notified meanwhile is gone, so look for yourself.
   * Default: nothing.
   */
  readonly onGap?: (() => void | Promise<void>) | undefined;
  /**
   * Called with what the handlers throw. Default: the error is thrown where nothing catches it, and ends the process.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A subscription that lasts until it is closed. */
export interface Subscription extends AsyncDisposable {
  /** Ends it, and its connection. Idempotent. */
  close(): Promise<void>;
}

/**
 * Hears what is notified on a channel, by LISTEN. Resolves when what is committed from then on arrives. It has a
 * connection of its own, on the host that takes writes, made anew whenever it is lost; then `onGap` is called, since
 * PostgreSQL keeps nothing for who is away. Let a notification wake you, and read what there is to do from a table.
 * Ends with the database at the latest.
 *
 * https://www.postgresql.org/docs/current/sql-listen.html
 *
 * ```ts no-run
 * import { createDatabase } from '@ent/database';
 * import { listen, notify, postgres } from '@ent/database/postgres';
 *
 * const db = createDatabase({ driver: postgres({ url: 'postgres://app:secret@localhost/app' }) });
 * const look = () => console.log('There is work.');
 * const subscription = await listen(db, 'jobs', look, { onGap: look });
 * await notify(db, 'jobs');
 * await subscription.close();
 * ```
 *
 * @param db the database, over the driver `postgres`
 * @param channel its name as it is, up to 63 bytes; SQL without quotes means the one in lower case
 * @param handler called with the payload, which is empty where there was none, in the order of the commits
 * @throws `database.unavailable` if the first connection cannot be made; `database.unsupported` for a database that is
 *   not PostgreSQL, or where a pooler is in between
 */
export async function listen(
  db: Hosted,
  channel: string,
  handler: (payload: string) => void | Promise<void>,
  options: ListenOptions = {},
): Promise<Subscription> {
  refuseUnknown(options, { onGap: true, onError: true }, 'listen', databaseErrors.invalid_query);
  expectChannel('listen', channel);
  const host = demandHost(db, 'listen');
  for (const [name, given] of Object.entries({ handler, onGap: options.onGap, onError: options.onError })) {
    if (typeof given === 'function' || (given === undefined && name !== 'handler')) continue;
    throw databaseErrors.invalid_query(`listen: ${name} must be a function; got ${kindOf(given)}.`);
  }
  const { onGap = () => {}, onError = throwUncaught } = options;
  const listeners = listenersOf('listen', host.driver);
  // Not in the transaction around it. From then on the database is open, and closes this with it.
  await outsideContext(() =>
    host.run({ operation: 'listen', use: 'read', latest: true }, undefined, (session, call) =>
      host.driver.ping(session, call),
    ),
  );
  const listener = new Listener(listeners.settings, channel, { onNotification: handler, onGap, onError });
  listeners.open.add(listener);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= listener.close().finally(() => listeners.open.delete(listener));
    return closing;
  };
  try {
    await listener.open();
  } catch (error) {
    await close();
    if (listeners.isClosed) throw databaseErrors.closed('The database was closed while listen connected.');
    throw wrapped(host.driver, error, { operation: 'listen' });
  }
  return { close, [Symbol.asyncDispose]: close };
}

/**
 * Notifies all who listen to a channel: when the transaction around the call commits, and not at all if it rolls back.
 * Equal notifications of one transaction arrive once.
 *
 * @param payload up to 7,999 bytes; default: empty
 * @throws `database.bad_data` for a payload that is too long
 */
export async function notify(db: Hosted, channel: string, payload = ''): Promise<void> {
  expectChannel('notify', channel);
  if (typeof payload !== 'string') {
    throw databaseErrors.invalid_query(`notify: the payload must be a text; got ${kindOf(payload)}.`);
  }
  const host = demandHost(db, 'notify');
  listenersOf('notify', host.driver);
  await host.run({ operation: 'notify', use: 'write' }, undefined, (session) =>
    (session as Session).execute(NOTIFY, [channel, payload]),
  );
}

const NOTIFY = { sql: 'select pg_notify($1, $2)', kind: 'rows', returnsRows: true, recurs: true } as const;

/** Those of a driver, which ends them when it is closed. */
export class Listeners {
  readonly settings: Settings;
  readonly open = new Set<Listener>();
  isClosed = false;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.open].map((listener) => listener.close()));
  }
}

const ofDrivers = new WeakMap<DatabaseDriver, Listeners>();

/** Lets the databases of a driver listen. */
export function letListen(driver: DatabaseDriver, listeners: Listeners): void {
  ofDrivers.set(driver, listeners);
}

function listenersOf(operation: string, driver: DatabaseDriver): Listeners {
  const listeners = ofDrivers.get(driver);
  if (listeners === undefined) throw databaseErrors.unsupported(`${operation} is for a database of postgres().`);
  return listeners;
}

function expectChannel(operation: string, channel: unknown): void {
  const isName = typeof channel === 'string' && channel !== '' && !channel.includes('\0');
  // PostgreSQL would cut a longer name for LISTEN and refuse it for NOTIFY.
  if (isName && Buffer.byteLength(channel) <= 63) return;
  throw databaseErrors.invalid_query(`${operation}: a channel is a name of 1 to 63 bytes.`);
}
