import type { Database } from '../database.ts';
import { defineEntity, type Entity, type EntityModel, type EntityOf } from '../entity.ts';
import { nullable, typed } from '../field.ts';

/** One field of each type, all nullable. */
export const things = defineEntity({
  name: 'ent_things',
  fields: {
    id: 'string',
    text: nullable('string'),
    int: nullable('int'),
    big: nullable('bigint'),
    price: nullable('decimal'),
    ratio: nullable('double'),
    flag: nullable('boolean'),
    at: nullable('date'),
    data: nullable(typed<unknown>('json')),
    raw: nullable('bytes'),
  },
});
export type Thing = EntityOf<typeof things>;

/** Everything that is managed, and two unique keys. */
export const people = defineEntity({
  name: 'ent_people',
  fields: {
    id: 'string',
    email: 'string',
    country: 'string',
    badge: 'int',
    name: nullable('string'),
    logins: 'int',
    createdAt: 'date',
    updatedAt: 'date',
    version: 'int',
  },
  unique: [['email'], ['country', 'badge']],
  createdAt: 'createdAt',
  updatedAt: 'updatedAt',
  version: 'version',
});

/** Soft delete. */
export const notes = defineEntity({
  name: 'ent_notes',
  fields: { id: 'string', slug: 'string', text: 'string', reads: 'int', deletedAt: nullable('date'), version: 'int' },
  unique: [['slug']],
  version: 'version',
  deletedAt: 'deletedAt',
});

/** Numbers that are never null. */
export const accounts = defineEntity({
  name: 'ent_accounts',
  fields: { id: 'string', cents: 'bigint', moves: 'int', rate: 'double' },
});

/**
 * Creates the tables of entities, with their unique keys. For tests: an application's tables come from its migrations.
 *
 * ```ts
 * import { createDatabase, defineEntity } from '@ent/database';
 * import { sqlite } from '@ent/database/sqlite';
 * import { createTables } from '@ent/database/testing';
 *
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * const tags = defineEntity({ name: 'tags', fields: { id: 'string', label: 'string' }, unique: [['label']] });
 * await createTables(db, tags);
 * console.log(await db.repo(tags).count()); // 0
 * await db.close();
 * ```
 */
export async function createTables(db: Database, ...entities: readonly EntityModel[]): Promise<void> {
  for (const entity of entities) {
    const operation = { operation: 'createTable', entity: entity.name, use: 'write' } as const;
    await db.host.run(operation, undefined, (session, call) => db.driver.createTable(session, entity, call));
  }
}

/** All of the suite's tables. */
export function createAll(db: Database): Promise<void> {
  return createTables(db, things, people, notes, accounts);
}

/** A valid new person; `n` makes it unique. */
export function person(n: number, more: Partial<Parameters<typeof fresh>[0]> = {}): NewPerson {
  return fresh({ email: `person${n}@example.org`, country: 'NL', badge: n, logins: 0, ...more });
}

type NewPerson = typeof people extends Entity<infer _T, infer New> ? New : never;
function fresh(row: NewPerson): NewPerson {
  return row;
}
