import { databaseErrors } from '../../errors.ts';
import {
  type Address,
  fileOf,
  type Login,
  POOL_PARAMETERS,
  type PoolTold,
  poolTold,
  readServerUrl,
} from '../../internal/sql/addresses.ts';
import { REPLICA_PARAMETERS, type ReplicasTold, replicasTold } from '../../internal/sql/replica-options.ts';
import type { MysqlTls } from './tls.ts';

/** What a URL says of the connections, beside where the server is; named as the options of the driver. */
interface Told extends PoolTold, ReplicasTold {
  readonly tls?: boolean | MysqlTls;
  readonly applicationName?: string;
  readonly targetSession?: 'any' | 'read-write';
  readonly connectTimeout?: string;
}

/** A URL, read. */
export interface ReadUrl extends Told {
  readonly hosts: readonly Address[];
  readonly login: Login;
}

/** The parameters that a URL can have. */
const URL_PARAMETERS = [
  'ssl-mode',
  'ssl-ca',
  'ssl-cert',
  'ssl-key',
  'applicationName',
  'connectTimeout',
  'targetSession',
  ...POOL_PARAMETERS,
  ...REPLICA_PARAMETERS,
] as const;

type Parameters = Readonly<Partial<Record<(typeof URL_PARAMETERS)[number], string>>>;
const invalid = databaseErrors.invalid_definition;

/** @throws `database.invalid_definition`; no part of the URL is in its message, since it can hold a password */
export function readUrl(text: string): ReadUrl {
  const { parameters, ...server } = readServerUrl(text, {
    schemes: /^(mysql|mariadb):/i,
    begin: 'mysql: url must begin with mysql:// or mariadb://.',
    port: 3306,
    parameters: URL_PARAMETERS,
  });
  return { ...toldBy(parameters), ...server };
}

function toldBy(parameters: Parameters): Told {
  const { applicationName, connectTimeout, targetSession } = parameters;
  const tls = tlsOf(parameters);
  return {
    ...(tls !== undefined && { tls }),
    ...(applicationName !== undefined && { applicationName }),
    ...(connectTimeout !== undefined && { connectTimeout }),
    // The driver checks the values.
    ...(targetSession !== undefined && { targetSession: targetSession as 'any' }),
    ...poolTold(parameters),
    ...replicasTold(parameters),
  };
}

/**
 * `ssl-mode` as MySQL's own programs mean it. The mode that falls back to plain text is refused: whoever can reach the
 * network could make it fall.
 */
function tlsOf(parameters: Parameters): boolean | MysqlTls | undefined {
  const { 'ssl-mode': given, 'ssl-ca': ca, 'ssl-cert': cert, 'ssl-key': key } = parameters;
  const mode = given?.toLowerCase().replaceAll('-', '_');
  if (mode === undefined || mode === 'disabled') {
    if (ca === undefined && cert === undefined && key === undefined) return mode === undefined ? undefined : false;
    throw invalid('mysql: ssl-ca, ssl-cert and ssl-key need an ssl-mode, such as verify_identity.');
  }
  const files: MysqlTls = {
    ...(ca !== undefined && { ca: fileOf('mysql', 'ssl-ca', ca) }),
    ...(cert !== undefined && { cert: fileOf('mysql', 'ssl-cert', cert) }),
    ...(key !== undefined && { key: fileOf('mysql', 'ssl-key', key) }),
  };
  switch (mode) {
    case 'verify_identity':
      return files;
    case 'verify_ca':
      // The certificate of anybody whom this authority trusts will do.
      return { ...files, verifyIdentity: false };
    case 'required':
      return { ...files, rejectUnauthorized: false };
    case 'preferred':
      throw invalid(
        'mysql: ssl-mode=preferred would fall back to plain text without a word; say disabled, required or verify_identity.',
      );
    default:
      throw invalid('mysql: ssl-mode must be disabled, required, verify_ca or verify_identity.');
  }
}
