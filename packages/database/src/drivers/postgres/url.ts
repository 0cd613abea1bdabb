import type { ConnectionOptions } from 'node:tls';
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

/** What a URL says of the connections, beside where the server is; named as the options of the driver. */
interface Told extends PoolTold, ReplicasTold {
  readonly tls?: boolean | ConnectionOptions;
  readonly searchPath?: string;
  readonly applicationName?: string;
  readonly targetSession?: 'any' | 'read-write';
  readonly connectTimeout?: number;
  readonly tenantSetting?: string;
}

/** A URL, read. */
export interface ReadUrl extends Told {
  readonly hosts: readonly Address[];
  readonly login: Login;
}

/** The parameters that a URL can have. */
const URL_PARAMETERS = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'application_name',
  'connect_timeout',
  'search_path',
  'target_session_attrs',
  ...POOL_PARAMETERS,
  ...REPLICA_PARAMETERS,
  'tenantSetting',
] as const;

type Parameters = Readonly<Partial<Record<(typeof URL_PARAMETERS)[number], string>>>;
const invalid = databaseErrors.invalid_definition;

/** @throws `database.invalid_definition`; no part of the URL is in its message, since it can hold a password */
export function readUrl(text: string): ReadUrl {
  const { parameters, ...server } = readServerUrl(text, {
    schemes: /^(postgres(?:ql)?):/i,
    begin: 'postgres: url must begin with postgres:// or postgresql://.',
    port: 5432,
    parameters: URL_PARAMETERS,
  });
  return { ...toldBy(parameters), ...server };
}

function toldBy(parameters: Parameters): Told {
  const { search_path: searchPath, application_name: applicationName, connect_timeout: seconds } = parameters;
  const { target_session_attrs: targetSession, tenantSetting } = parameters;
  const tls = tlsOf(parameters);
  return {
    ...(tls !== undefined && { tls }),
    ...(searchPath !== undefined && { searchPath }),
    ...(applicationName !== undefined && { applicationName }),
    // The driver checks the values.
    ...(targetSession !== undefined && { targetSession: targetSession as 'any' }),
    ...poolTold(parameters),
    ...replicasTold(parameters),
    ...(tenantSetting !== undefined && { tenantSetting }),
    ...(seconds !== undefined && { connectTimeout: Number(seconds) * 1000 }),
  };
}

/**
 * `sslmode` as libpq means it, where pg reads `require` as `verify-full`. The two modes that fall back to plain text
 * are refused: whoever can reach the network could make them fall.
 */
function tlsOf({ sslmode, sslrootcert, sslcert, sslkey }: Parameters): boolean | ConnectionOptions | undefined {
  if (sslmode === undefined || sslmode === 'disable') {
    if (sslrootcert === undefined && sslcert === undefined && sslkey === undefined) {
      return sslmode === undefined ? undefined : false;
    }
    throw invalid('postgres: sslrootcert, sslcert and sslkey need an sslmode, such as verify-full.');
  }
  const files: ConnectionOptions = {
    ...(sslrootcert !== undefined &&
      sslrootcert !== 'system' && { ca: fileOf('postgres', 'sslrootcert', sslrootcert) }),
    ...(sslcert !== undefined && { cert: fileOf('postgres', 'sslcert', sslcert) }),
    ...(sslkey !== undefined && { key: fileOf('postgres', 'sslkey', sslkey) }),
  };
  switch (sslmode) {
    case 'verify-full':
      return files;
    case 'verify-ca':
      // The certificate of anybody whom this authority trusts will do.
      return { ...files, checkServerIdentity: () => undefined };
    case 'require':
      // Of a root certificate libpq makes "verify-ca" out of this.
      if (sslrootcert !== undefined) return { ...files, checkServerIdentity: () => undefined };
      return { ...files, rejectUnauthorized: false };
    case 'allow':
    case 'prefer':
      throw invalid(
        `postgres: sslmode=${sslmode} would fall back to plain text without a word; say disable, require or verify-full.`,
      );
    default:
      throw invalid('postgres: sslmode must be disable, require, verify-ca or verify-full.');
  }
}
