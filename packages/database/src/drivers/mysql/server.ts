import { databaseErrors } from '../../errors.ts';
import type { MysqlConnection, MysqlResult } from './client.ts';
import { isOfServer } from './client.ts';
import { LostConnectionError, type Product } from './errors.ts';

/** What stands at the other end of a connection. */
export interface Server {
  readonly product: Product;
  readonly version: string;
  /** The number of the connection there, by which what it runs can be stopped. */
  readonly id: number;
  /** Tells it from others. */
  readonly place: string;
  readonly isReadOnly: boolean;
  readonly maxPacketBytes: number;
}

/** The oldest versions that have a collation without padding by code point, and what else is used here. */
const LEAST = { MySQL: [8, 0, 17], MariaDB: [10, 6, 0] } as const;

/** Errors instead of changed values. Nothing of it is left to the settings of the server. */
const SQL_MODE = [
  'STRICT_ALL_TABLES',
  'STRICT_TRANS_TABLES',
  'ONLY_FULL_GROUP_BY',
  'NO_ZERO_IN_DATE',
  'NO_ZERO_DATE',
  'ERROR_FOR_DIVISION_BY_ZERO',
  'NO_ENGINE_SUBSTITUTION',
].join();

/**
 * A session is like this on every server. By default MariaDB sorts texts by their first 1024 bytes; 65536 fit 15 times
 * into a buffer of 2 MiB, as they must.
 */
const SETTINGS = `set session sql_mode = '${SQL_MODE}', time_zone = '+00:00', autocommit = 1,
  character_set_client = utf8mb4, character_set_results = utf8mb4, collation_connection = utf8mb4_bin,
  max_sort_length = 65536, sort_buffer_size = greatest(@@sort_buffer_size, 2097152),
  sql_auto_is_null = 0, sql_safe_updates = 0,
  default_storage_engine = InnoDB, lc_messages = 'en_US', session_track_state_change = 1`;

/** Which server it is, of those that a name or a proxy may stand for. */
const PLACE = `concat_ws('/', @@hostname, @@port, @@server_id) as place`;
const PROBE = `select version() as version, connection_id() as id, @@global.read_only as readOnly,
  @@max_allowed_packet as packet, ${PLACE}`;

/**
 * Puts a new connection into shape, and learns what it leads to.
 *
 * @param readsOnly whether nothing may write on it; a replica lets users of some privileges write
 * @throws `database.unsupported` for an old server
 */
export async function meet(connection: MysqlConnection, readsOnly = false): Promise<Server> {
  await ask(connection, SETTINGS);
  if (readsOnly) await ask(connection, 'set session transaction read only');
  const [row] = (await ask(connection, PROBE)) as Record<string, unknown>[];
  const { version, id, readOnly, packet, place } = row as Record<string, unknown>;
  const server = versionOf(String(version));
  const isReadOnly = !['0', 'OFF'].includes(String(readOnly));
  return { ...server, id: Number(id), place: String(place), isReadOnly, maxPacketBytes: Number(packet) };
}

/** `8.4.5`, `10.11.19-MariaDB-0+deb12u1`, or `5.5.5-10.6.1-MariaDB`, as some proxies tell. */
export function versionOf(told: string): Pick<Server, 'product' | 'version'> {
  const product = /mariadb/i.test(told) ? 'MariaDB' : 'MySQL';
  const version = /(\d+\.\d+\.\d+)/.exec(told.replace(/^5\.5\.5-/, ''))?.[1] ?? '';
  const least = LEAST[product];
  const parts = version.split('.').map(Number);
  const first = least.findIndex((part, index) => parts[index] !== part);
  if (version === '' || (first !== -1 && (parts[first] as number) < (least[first] as number))) {
    throw databaseErrors.unsupported(
      `mysql: ${product} ${least.join('.')} or later is needed; the server is ${version || 'of an unknown version'}.`,
    );
  }
  return { product, version };
}

/** Whether another connection leads to the same server. */
export async function isAt(connection: MysqlConnection, { place }: Server): Promise<boolean> {
  const [row] = (await ask(connection, `select ${PLACE}`)) as Record<string, unknown>[];
  return row?.['place'] === place;
}

function ask(connection: MysqlConnection, text: string): Promise<MysqlResult> {
  return new Promise((resolve, reject) => {
    connection.query(text, (error, result) => {
      if (error === null || error === undefined) resolve(result);
      else
        reject(isOfServer(error) ? error : new LostConnectionError('the server cannot be reached', { cause: error }));
    });
  });
}
