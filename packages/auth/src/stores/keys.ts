import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeySetStore } from '../driver.ts';
import { authErrors } from '../errors.ts';
import { demandMethods, demandText } from '../internal/demand.ts';
import { insertNew } from '../internal/insert-new.ts';
import { LATEST } from '../internal/latest.ts';
import type { StoreRepository } from './repository.ts';

const NAME = /^keys-(\d{9})\.jwe$/;

/**
 * Keys in a folder of this machine, for its owner alone: one file for each revision, of which the latest two stay. Made
 * by `link`, which of two writers lets one be first, and never shows half a file: the file system must have hard links.
 * The folder is made where it is absent.
 *
 * @example
 * ```ts no-run
 * import { openKeyRing } from '@ent/auth';
 * import { fileKeyStore } from '@ent/auth/stores';
 *
 * const store = fileKeyStore('./data/keys');
 * const keys = await openKeyRing({ store, secret: 'at least 32 bytes, of the environment' });
 * ```
 */
export function fileKeyStore(folder: string): KeySetStore {
  demandText(folder, 'fileKeyStore: the folder');
  const fileOf = (revision: number): string => join(folder, `keys-${String(revision).padStart(9, '0')}.jwe`);

  const revisions = async (): Promise<number[]> => {
    const names = await readdir(folder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
    return names.map((name) => Number(NAME.exec(name)?.[1] ?? 0)).toSorted((a, b) => a - b);
  };

  return {
    async read() {
      for (let before = 0; ; ) {
        const revision = (await revisions()).at(-1) ?? 0;
        if (revision === 0) return undefined;
        try {
          return { revision, data: await readFile(fileOf(revision), 'utf8') };
        } catch (error) {
          // Two rotations took it away meanwhile: there are newer ones.
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || revision === before) throw error;
          before = revision;
        }
      }
    },
    async write(data, expected) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if (((await revisions()).at(-1) ?? 0) !== expected) return false;
      const draft = join(folder, `${randomUUID()}.draft`);
      try {
        const file = await open(draft, 'wx', 0o600);
        try {
          await file.writeFile(data);
          await file.sync();
        } finally {
          await file.close();
        }
        await link(draft, fileOf(expected + 1));
        // A name that was free because it was removed: others were first, several times.
        if ((await revisions()).at(-1) !== expected + 1) {
          await unlink(fileOf(expected + 1));
          return false;
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
        throw error;
      } finally {
        await unlink(draft).catch(() => {});
      }
      // Who has just looked may still be about to read the one before.
      if (expected > 1) await unlink(fileOf(expected - 1)).catch(() => {});
      return true;
    },
  };
}

/** A row of {@link repositoryKeyStore}. */
export interface KeySetRow {
  id: string;
  revision: number;
  data: string;
}

/**
 * Keys in a database, through a repository of `@ent/database`: one row. No transactions are needed or used.
 *
 * @param name which row, where one table holds the keys of several issuers. Default `access-tokens`
 *
 * @example
 * ```ts no-run
 * import { openKeyRing } from '@ent/auth';
 * import { repositoryKeyStore } from '@ent/auth/stores';
 * import { defineEntity } from '@ent/database';
 * import { openDatabase } from '@ent/database/open';
 *
 * const keySets = defineEntity({ name: 'key_sets', fields: { id: 'string', revision: 'int', data: 'string' } });
 * const db = await openDatabase('sqlite:./data/app.db');
 * const store = repositoryKeyStore(db.repo(keySets));
 * const keys = await openKeyRing({ store, secret: 'at least 32 bytes, of the environment' });
 * ```
 */
export function repositoryKeyStore(
  repository: Pick<StoreRepository<KeySetRow>, 'get' | 'insert' | 'updateMany'>,
  name = 'access-tokens',
): KeySetStore {
  demandMethods(repository, ['get', 'insert', 'updateMany'], 'repositoryKeyStore: the repository');
  demandText(name, 'repositoryKeyStore: the name');
  if (name === '') throw authErrors.configuration('repositoryKeyStore: the name must not be empty.');
  return {
    async read() {
      const row = await repository.get(name, LATEST);
      return row ? { revision: row.revision, data: row.data } : undefined;
    },
    async write(data, expected) {
      const revision = expected + 1;
      if (expected > 0) {
        const { matched } = await repository.updateMany(
          { set: { revision, data } },
          { where: { id: name, revision: expected } },
        );
        return matched > 0;
      }
      return insertNew(repository, { id: name, revision, data });
    },
  };
}
