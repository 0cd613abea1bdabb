import type { Db, Document } from 'mongodb';
import type { DriverCall } from '../../driver.ts';
import { databaseErrors } from '../../errors.ts';
import type { StorageRules } from './codec.ts';
import type { Settings } from './options.ts';

/** What the server at the other end is, as it says when we connect. */
export async function meet(
  db: Db,
  { transactions, decimals }: Pick<Settings, 'transactions' | 'decimals'>,
  { signal }: DriverCall,
): Promise<StorageRules> {
  const hello = await db.admin().command({ hello: 1 }, { signal });
  const build = await db.admin().command({ buildInfo: 1 }, { signal });
  // What has no `setName` and is no router of a cluster would take parts of a transaction for something else.
  const isAlone = hello['setName'] === undefined && hello['msg'] !== 'isdbgrid';
  if (isAlone && transactions) {
    throw databaseErrors.invalid_definition(
      'mongodb: the server is a standalone, which has no transactions. Make it a replica set (--replSet, rs.initiate()), or say transactions: false, and of several writes some may be stored without the others.',
    );
  }
  const isFerret = isFerretOfOld(build);
  if (isFerret && decimals !== 'text') {
    throw databaseErrors.invalid_definition("mongodb: FerretDB 1.x has no Decimal128; say decimals: 'text'.");
  }
  return { decimals, nestedLists: !isFerret, groups: !isFerret };
}

function isFerretOfOld({ ferretdbVersion: version }: Document): boolean {
  return typeof version === 'string' && !/^v?[2-9]/.test(version);
}
