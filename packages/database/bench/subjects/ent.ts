import { createDatabase, type DatabaseDriver } from '../../src/index.ts';
import { createTables } from '../../src/testing.ts';
import { users } from '../users.ts';
import { type Subject, seeds } from '../work.ts';

export function ent<Native>(driver: DatabaseDriver<Native>): Subject {
  const db = createDatabase({ driver });
  const repo = db.repo(users);
  return {
    get: (id) => repo.get(id),
    find: (after, limit) => repo.find({ where: { id: { gt: after } }, sort: [['id', 'asc']], limit }),
    insert: ({ id, email, name, roles }) => repo.insert({ id, email, name, roles: [...roles] }),
    insertMany: (many) =>
      repo.insertMany(many.map(({ id, email, name, roles }) => ({ id, email, name, roles: [...roles] }))),
    rename: (id, name) => repo.update(id, { set: { name } }),
    upsert: ({ id, email, name, roles }) =>
      repo.upsert(['email'], { id, email, name, roles: [...roles] }, { set: { name } }),
    transaction: (read, { id, email, name, roles }, renamed) =>
      db.transaction(async () => {
        await repo.get(read);
        await repo.insert({ id, email, name, roles: [...roles] });
        await repo.update(renamed, { set: { name: 'Bob' } });
      }),
    async stream(rows) {
      for await (const _row of repo.stream()) if ((rows -= 1) === 0) break;
    },
    close: () => db.close(),
  };
}

/** The tables and rows that each subject begins with. */
export async function seed<Native>(driver: DatabaseDriver<Native>): Promise<void> {
  const db = createDatabase({ driver });
  await createTables(db, users);
  const rows = seeds.map(({ id, email, name, roles }) => ({ id, email, name, roles: [...roles] }));
  await db.repo(users).insertMany(rows, { timeout: '10m' });
  await db.close();
}
