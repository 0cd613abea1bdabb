import type { ConnectionOptions } from 'node:tls';
import { demandOptions, refuseUnknown } from '@ent/internal';
import { databaseErrors } from '../../errors.ts';
import { type Address, addressesOf, type Login } from '../../internal/sql/addresses.ts';
import { ACQUIRE_NAMES, type AcquireOptions, refuseTwice } from '../../internal/pool-options.ts';
import {
  SERVER_NAMES,
  type ServerOptions,
  type ServerSettings,
  serverSettings,
} from '../../internal/sql/server-options.ts';
import type { PgPool } from './client.ts';
import { readUrl } from './url.ts';

/** Options that do not depend on where the connections come from. */
export interface PostgresCommonOptions extends AcquireOptions {
  /**
   * Prepare the statements of repositories on each connection, under a name. Default: yes, unless a pooler answers
   * (PgBouncer and its like), which may run each transaction on another connection.
   */
  readonly prepare?: boolean | undefined;
  /**
   * A setting, such as `app.tenant`, by which your policies of row-level security know the tenant: each transaction,
   * and each call outside of one in a transaction of its own, has it set to that of `withTenant` around it; it is empty
   * elsewhere. Default: none, and the database is not told.
   */
  readonly tenantSetting?: string | undefined;
}

/** Options for connections that this driver makes. */
export interface PostgresMadeOptions extends PostgresCommonOptions, ServerOptions {
  /** `true`: encrypted, to a server whose certificate is right; or options of `node:tls`. Default: not encrypted. */
  readonly tls?: boolean | ConnectionOptions | undefined;
  /** The schemas in which names are looked for, the first of which is written to. Default: those of the user. */
  readonly searchPath?: string | readonly string[] | undefined;
  /** What the server's own lists call this program. */
  readonly applicationName?: string | undefined;
}

/** The server by its URL. */
export interface PostgresUrlOptions extends PostgresMadeOptions {
  /**
   * `postgres://user:password@host:5432/database`; hosts may be several, with commas. Its parameters are those of
   * libpq (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `application_name`, `connect_timeout`,
   * `target_session_attrs`), `search_path`, `replicas` (with commas), and the numbers and times of these options.
   */
  readonly url: string;
}

/** The server by its parts. */
export interface PostgresHostOptions extends PostgresMadeOptions {
  /** A name or address, or the folder of a Unix socket; several are tried in this order. */
  readonly host: string | readonly string[];
  /** Default 5432. */
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly database?: string | undefined;
}

/** A pool of your own. */
export interface PostgresPoolOptions extends PostgresCommonOptions {
  /** A `Pool` of pg. Its settings stay as they are, and you end it. */
  readonly pool: PgPool;
}

/** Options of `postgres`: a URL, a host, or a pool of your own. */
export type PostgresOptions = PostgresUrlOptions | PostgresHostOptions | PostgresPoolOptions;

/** What the options come to. */
export interface Settings extends ServerSettings {
  readonly pool: PgPool | undefined;
  readonly client: {
    readonly user?: string | undefined;
    readonly password?: string | (() => string | Promise<string>) | undefined;
    readonly database?: string | undefined;
    readonly ssl: boolean | ConnectionOptions;
    readonly application_name?: string | undefined;
  };
  readonly namespace: string;
  readonly searchPath: string | undefined;
  readonly prepare: boolean | undefined;
  readonly tenantSetting: string | undefined;
}

const COMMON = { ...ACQUIRE_NAMES, prepare: true, tenantSetting: true } as const;
const MADE = {
  ...COMMON,
  ...SERVER_NAMES,
  tls: true,
  searchPath: true,
  applicationName: true,
} as const;
const invalid = databaseErrors.invalid_definition;

/** @throws `database.invalid_definition` */
export function settingsOf(options: PostgresOptions): Settings {
  demandOptions(options, 'postgres', invalid);
  if ('pool' in options) {
    refuseUnknown(options, { ...COMMON, pool: true }, 'postgres with a pool of yours', invalid);
    return { ...settingsOfMade(options, [], {}), pool: expectPool(options.pool) };
  }
  if ('url' in options) {
    refuseUnknown(options, { ...MADE, url: true }, 'postgres', invalid);
    const { url, ...given } = options;
    const { hosts, login, ...told } = readUrl(url);
    refuseTwice('postgres', told, given);
    return settingsOfMade({ ...given, ...told }, hosts, login);
  }
  refuseUnknown(options, { ...MADE, host: true, port: true, user: true, database: true }, 'postgres', invalid);
  const { host, port = 5432, user, database } = options;
  const needs = 'postgres needs a url, a host or a pool; host is a name or an address, or a list of them.';
  const addresses = addressesOf('postgres', host, port, needs);
  return settingsOfMade(options, addresses, { user, database });
}

function settingsOfMade(options: PostgresMadeOptions, hosts: readonly Address[], login: Login): Settings {
  const server = serverSettings('postgres', options, hosts, 5432);
  const { tls = false, searchPath } = options;
  if (options.prepare !== undefined && typeof options.prepare !== 'boolean') {
    throw invalid('postgres: prepare must be true or false.');
  }
  if (typeof tls !== 'boolean' && (typeof tls !== 'object' || tls === null)) {
    throw invalid('postgres: tls must be true, false or options of node:tls.');
  }
  return {
    ...server,
    pool: undefined,
    client: {
      ...login,
      ...(options.password !== undefined && { password: options.password }),
      ssl: tls,
      application_name: options.applicationName,
    },
    namespace: login.database ?? login.user ?? 'postgres',
    searchPath: searchPath === undefined ? undefined : pathOf(searchPath),
    prepare: options.prepare,
    tenantSetting: options.tenantSetting === undefined ? undefined : settingName(options.tenantSetting),
  };
}

/** One of our own: those of PostgreSQL itself have no dot. */
const SETTING = /^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)+$/i;

function settingName(name: unknown): string {
  if (typeof name === 'string' && SETTING.test(name)) return name;
  throw invalid("postgres: tenantSetting must be a name with a dot in it, such as 'app.tenant'.");
}

function expectPool(pool: unknown): PgPool {
  const { connect, on, options } = (pool ?? {}) as Partial<PgPool>;
  if (typeof connect === 'function' && typeof on === 'function' && typeof options?.max === 'number')
    return pool as PgPool;
  throw invalid('postgres: pool must be a Pool of pg.');
}

/** As PostgreSQL reads it: quoted, so that names are taken as they are. */
function pathOf(searchPath: string | readonly string[]): string {
  const names: readonly unknown[] =
    typeof searchPath === 'string' ? searchPath.split(',').map((name) => name.trim()) : [searchPath].flat();
  const quoted = names.filter((name) => typeof name === 'string' && name !== '').map((name) => quote(name as string));
  if (quoted.length > 0 && quoted.length === names.length) return quoted.join();
  throw invalid('postgres: searchPath must be the name of a schema, or a list of names.');
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
