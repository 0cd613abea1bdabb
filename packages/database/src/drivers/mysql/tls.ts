import type { ConnectionOptions } from 'node:tls';
import { refuseUnknown } from '@ent/internal';
import { databaseErrors } from '../../errors.ts';

/** What of `node:tls` mysql2 takes. */
export type MysqlTls = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'ciphers' | 'minVersion' | 'maxVersion' | 'rejectUnauthorized'
> & {
  /** Whether the certificate must be of the host that was asked for. Default: yes, unless it need not be right. */
  readonly verifyIdentity?: boolean | undefined;
};

const TLS = {
  ca: true,
  cert: true,
  key: true,
  passphrase: true,
  ciphers: true,
  minVersion: true,
  maxVersion: true,
  rejectUnauthorized: true,
  verifyIdentity: true,
} as const;
const invalid = databaseErrors.invalid_definition;

/** The option `tls`. @throws `database.invalid_definition` */
export function tlsOption(tls: boolean | MysqlTls | undefined = false): MysqlTls | undefined {
  if (tls === false) return undefined;
  const given = tls === true ? {} : tls;
  if (typeof given !== 'object' || given === null) throw invalid('mysql: tls must be true, false or options.');
  refuseUnknown(given, TLS, 'mysql: tls', invalid);
  return { verifyIdentity: given.rejectUnauthorized !== false, ...given };
}
