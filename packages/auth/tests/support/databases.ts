import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database, EntityModel } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { workerDatabase } from '@ent/database/test-helpers';
import { createTables } from '@ent/database/testing';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe } from 'vitest';

/** A database with the tables of a test; another process opens it by its URL. */
export interface Opened {
  readonly db: Database;
  readonly url: string;
}

/**
 * Declares tests once for each database: SQLite in a file, and PostgreSQL.
 *
 * @param tests gets what is opened before the first test: read it in tests and hooks only
 * @param more `everywhere`: on MariaDB and by MongoDB's API too, whose servers take longer to start
 */
export function onDatabases(
  entities: readonly EntityModel[],
  tests: (opened: Opened) => void,
  more: { readonly everywhere?: boolean } = {},
): void {
  const around = (urlOf: () => Promise<string>): void => {
    const opened: { db: Database; url: string } = { db: undefined as never, url: '' };
    beforeAll(async () => {
      opened.url = await urlOf();
      opened.db = await openDatabase(opened.url);
      await createTables(opened.db, ...entities);
    });
    afterAll(() => opened.db?.close());
    tests(opened);
  };
  describe('sqlite', () => {
    let folder: string;
    around(async () => {
      folder = await mkdtemp(join(tmpdir(), 'ent-auth-'));
      return `sqlite:${join(folder, 'auth.db')}`;
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));
  });
  describeWithServer('postgres', (server) => {
    around(async () => {
      const schema = uniqueName('ent');
      const making = await openDatabase<SqlNative>(server.url);
      await making.native.kysely.schema.createSchema(schema).execute();
      await making.close();
      return `${server.url}?search_path=${schema}`;
    });
  });
  if (more.everywhere !== true) return;
  /** A database beside the one of the URL. */
  const apart = async (url: string): Promise<string> => {
    const made = await workerDatabase(url, { worker: uniqueName('ent').replaceAll('-', '_').slice(0, 20) });
    await made.db.close();
    return made.url;
  };
  describeWithServer('mariadb', (server) => around(() => apart(server.url)));
  describeWithServer('mongodb', (server) =>
    // FerretDB, which stands in for MongoDB, has neither transactions nor Decimal128.
    around(() =>
      apart(server.url.includes('replicaSet=') ? server.url : `${server.url}?transactions=false&decimals=text`),
    ),
  );
}
