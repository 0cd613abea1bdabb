import BetterSqlite3 from 'better-sqlite3';
import { DataSource, type DataSourceOptions, EntitySchema, type EntitySchemaColumnOptions, MoreThan } from 'typeorm';
import { CALLERS, type Subject, type User } from '../work.ts';

type Row = { -readonly [Name in keyof User]: User[Name] };

export function typeormSqlite(file: string): Promise<Subject> {
  const date: EntitySchemaColumnOptions = {
    type: 'integer',
    transformer: { to: (value: Date) => value.getTime(), from: (value: number) => new Date(value) },
  };
  const options: DataSourceOptions = {
    type: 'better-sqlite3',
    database: file,
    driver: BetterSqlite3,
    prepareDatabase: (connection: BetterSqlite3.Database) => void connection.pragma('synchronous = normal'),
    enableWAL: true,
  };
  return typeorm(options, { text: 'text', json: 'simple-json', integer: 'integer', date });
}

export function typeormPostgres(url: string): Promise<Subject> {
  const options: DataSourceOptions = { type: 'postgres', url, poolSize: CALLERS };
  return typeorm(options, { text: 'text', json: 'json', integer: 'int8', date: { type: 'timestamptz', precision: 3 } });
}

export function typeormMysql(url: string): Promise<Subject> {
  const options: DataSourceOptions = { type: 'mysql', url, timezone: 'Z', poolSize: CALLERS, supportBigNumbers: true };
  const date: EntitySchemaColumnOptions = { type: 'datetime', precision: 3 };
  return typeorm(options, { text: 'text', json: 'simple-json', integer: 'int', date });
}

interface Types {
  readonly text: 'text';
  readonly json: 'json' | 'simple-json';
  readonly integer: 'integer' | 'int' | 'int8';
  readonly date: EntitySchemaColumnOptions;
}

async function typeorm(options: DataSourceOptions, types: Types): Promise<Subject> {
  const users = new EntitySchema<Row>({
    name: 'users',
    columns: {
      id: { type: types.text, primary: true },
      email: { type: types.text, unique: true },
      name: { type: types.text },
      roles: { type: types.json },
      createdAt: types.date,
      version: { type: types.integer },
    },
  });
  const db = await new DataSource({ ...options, entities: [users] }).initialize();
  const repo = db.getRepository(users);
  const renamed = (name: string) => ({ name, version: () => 'version + 1' });
  return {
    get: (id) => repo.findOneBy({ id }),
    find: (after, take) => repo.find({ where: { id: MoreThan(after) }, order: { id: 'asc' }, take }),
    insert: (user) => repo.insert(user),
    insertMany: (many) => repo.insert(many as Row[]),
    rename: (id, name) => repo.update({ id }, renamed(name)),
    upsert: (user) => repo.upsert(user, ['email']),
    transaction: (read, user, other) =>
      db.transaction(async (manager) => {
        await manager.findOneBy(users, { id: read });
        await manager.insert(users, user);
        await manager.update(users, { id: other }, renamed('Bob'));
      }),
    close: () => db.destroy(),
  };
}
