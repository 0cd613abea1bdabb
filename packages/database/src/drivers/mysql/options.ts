import { demandOptions, refuseUnknown } from '@ent/internal';
import { databaseErrors } from '../../errors.ts';
import { type Address, addressesOf, type Login } from '../../internal/sql/addresses.ts';
import { refuseTwice } from '../../internal/pool-options.ts';
import {
  SERVER_NAMES,
  type ServerOptions,
  type ServerSettings,
  serverSettings,
} from '../../internal/sql/server-options.ts';
import { type MysqlTls, tlsOption } from './tls.ts';
import { readUrl } from './url.ts';

/** Options that do not depend on how the server is named. */
export interface MysqlMadeOptions extends ServerOptions {
  /** `true`: encrypted, to a server whose certificate is right; or options for it. Default: not encrypted. */
  readonly tls?: boolean | MysqlTls | undefined;
  /** What the server's own lists call this program (`program_name` of `session_connect_attrs`). */
  readonly applicationName?: string | undefined;
}

/** The server by its URL. */
export interface MysqlUrlOptions extends MysqlMadeOptions {
  /**
   * `mysql://user:password@host:3306/database`, or `mariadb://`; hosts may be several, with commas. Its parameters are
   * those of MySQL's own programs (`ssl-mode`, `ssl-ca`, `ssl-cert`, `ssl-key`), `replicas` (with commas), and the
   * numbers and times of these options.
   */
  readonly url: string;
}

/** The server by its parts. */
export interface MysqlHostOptions extends MysqlMadeOptions {
  /** A name or address, or the path of a Unix socket; several are tried in this order. */
  readonly host: string | readonly string[];
  /** Default 3306. */
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly database?: string | undefined;
}

/** Options of `mysql`: a URL or a host. */
export type MysqlOptions = MysqlUrlOptions | MysqlHostOptions;

/** What the options come to. */
export interface Settings extends ServerSettings {
  readonly user: string | undefined;
  readonly password: string | (() => string | Promise<string>) | undefined;
  readonly database: string | undefined;
  readonly tls: MysqlTls | undefined;
  readonly applicationName: string | undefined;
  readonly namespace: string;
  /** Nothing may write there, whatever the user may. */
  readonly readsOnly: boolean;
}

const MADE = { ...SERVER_NAMES, tls: true, applicationName: true } as const;
const invalid = databaseErrors.invalid_definition;

/** @throws `database.invalid_definition` */
export function settingsOf(options: MysqlOptions): Settings {
  demandOptions(options, 'mysql', invalid);
  if ('url' in options) {
    refuseUnknown(options, { ...MADE, url: true }, 'mysql', invalid);
    const { url, ...given } = options;
    const { hosts, login, ...told } = readUrl(url);
    refuseTwice('mysql', told, given);
    return settingsOfMade({ ...given, ...told }, hosts, login);
  }
  refuseUnknown(options, { ...MADE, host: true, port: true, user: true, database: true }, 'mysql', invalid);
  const { host, port = 3306, user, database } = options;
  const needs = 'mysql needs a url or a host; host is a name or an address, or a list of them.';
  return settingsOfMade(options, addressesOf('mysql', host, port, needs), { user, database });
}

function settingsOfMade(options: MysqlMadeOptions, hosts: readonly Address[], login: Login): Settings {
  const tls = tlsOption(options.tls);
  // mysql2 looks at the name of a certificate where the host has a name, and else takes any.
  const server = serverSettings('mysql', options, hosts, 3306);
  const address = [...hosts, ...server.replicas].find(({ host }) => /^[\d.]+$|:/.test(host));
  if (tls?.verifyIdentity === true && address !== undefined) {
    throw invalid(
      'mysql: tls compares the certificate with the name of the host, which is an address here. Name the host, or say verifyIdentity: false (ssl-mode=verify_ca).',
    );
  }
  return {
    ...server,
    user: login.user,
    password: options.password ?? login.password,
    database: login.database,
    tls,
    applicationName: options.applicationName,
    namespace: login.database ?? login.user ?? 'mysql',
    readsOnly: false,
  };
}
