import { chmod, mkdtemp, readdir, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openKeyRing } from '../../src/index.ts';
import { fileKeyStore, repositoryKeyStore } from '../../src/stores.ts';
import { testKeySetStore } from '../../src/testing.ts';
import { keySets } from '../fixtures/stored-entities.ts';

let root: string;
let made = 0;
const folder = (): string => join(root, `keys-${made++}`);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ent-auth-keys-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('keys in a folder', () => {
  testKeySetStore(
    { it },
    {
      make: () => {
        const path = folder();
        return [fileKeyStore(path), fileKeyStore(path)];
      },
    },
  );

  it('are for their owner alone, and leave nothing half done behind', async () => {
    const path = join(folder(), 'deep');
    const keys = await openKeyRing({ store: fileKeyStore(path), secret: 's'.repeat(32) });
    for (let i = 0; i < 3; i++) await keys.rotate({ revoke: true });
    const names = (await readdir(path)).toSorted();
    expect(names).toEqual(['keys-000000003.jwe', 'keys-000000004.jwe']);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    for (const name of names) expect((await stat(join(path, name))).mode & 0o777).toBe(0o600);
    expect((await openKeyRing({ store: fileKeyStore(path), secret: 's'.repeat(32) })).list()).toEqual(keys.list());
  });

  it('say when the latest of them leads nowhere, and do not look for it for ever', async () => {
    const path = folder();
    const store = fileKeyStore(path);
    await store.write('a', 0);
    await symlink(join(path, 'gone'), join(path, 'keys-000000002.jwe'));
    await expect(store.read()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('pass over files of others, and say when the folder is none', async () => {
    const path = folder();
    const store = fileKeyStore(path);
    await store.write('a', 0);
    await fileKeyStore(join(path, 'keys-9.jwe')).write('b', 0);
    expect(await store.read()).toEqual({ revision: 1, data: 'a' });
    const secret = 's'.repeat(32);
    await chmod(join(path, 'keys-000000001.jwe'), 0o600);
    await expect(openKeyRing({ store: fileKeyStore(join(path, 'keys-000000001.jwe')), secret })).rejects.toMatchObject({
      code: 'auth.store_failed',
    });
  });
});

describe('keys in a database (SQLite)', () => {
  const open = async (file: string) => {
    const db = await openDatabase<SqlNative>(`sqlite:${file}`);
    await db.native.kysely.schema
      .createTable('key_sets')
      .ifNotExists()
      .addColumn('id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('revision', 'integer', (column) => column.notNull())
      .addColumn('data', 'text', (column) => column.notNull())
      .execute();
    databases.push(db);
    return db.repo(keySets);
  };
  const databases: { close(): Promise<void> }[] = [];
  afterAll(() => Promise.all(databases.map((db) => db.close())));

  testKeySetStore(
    { it },
    {
      make: async () => {
        const file = `${folder()}.db`;
        return [repositoryKeyStore(await open(file)), repositoryKeyStore(await open(file))];
      },
    },
  );

  it('are kept beside those of another name', async () => {
    const repo = await open(`${folder()}.db`);
    const secret = 's'.repeat(32);
    const [one, two] = [
      await openKeyRing({ store: repositoryKeyStore(repo), secret }),
      await openKeyRing({ store: repositoryKeyStore(repo, 'other'), secret }),
    ];
    expect(one.active.kid).not.toBe(two.active.kid);
    expect((await openKeyRing({ store: repositoryKeyStore(repo, 'other'), secret })).list()).toEqual(two.list());
  });
});
