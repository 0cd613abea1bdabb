import {
  acrossTenants,
  createDatabase,
  createMigrator,
  type Database,
  defineEntity,
  defineMigrations,
  type EntityOf,
  type Filter,
  generated,
  type IdOf,
  type NewOf,
  nullable,
  type Repository,
  type RepositoryOf,
  stored,
  typed,
  type Window,
  withTenant,
} from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import type { Kysely } from 'kysely';
import { describe, expectTypeOf, it } from 'vitest';

const users = defineEntity({
  name: 'users',
  fields: {
    id: 'string',
    email: 'string',
    state: typed<'active' | 'blocked'>('string'),
    roles: typed<string[]>('json'),
    logins: 'int',
    balance: 'bigint',
    price: 'decimal',
    verified: 'boolean',
    photo: nullable('bytes'),
    extra: nullable(typed<{ a: number }>('json')),
    createdAt: 'date',
    version: 'int',
  },
  unique: [['email']],
  createdAt: 'createdAt',
  version: 'version',
});
type User = EntityOf<typeof users>;
declare const repo: Repository<User, NewOf<typeof users>>;

describe('an entity', () => {
  it('fills the tenant in, which is a field that is never null', () => {
    const fields = { id: 'string', org: 'int', at: 'date', other: nullable('string') } as const;
    const rows = defineEntity({ name: 'rows', tenant: 'org', fields });
    expectTypeOf<NewOf<typeof rows>>().toEqualTypeOf<{
      id?: string | undefined;
      org?: number | undefined;
      at: Date;
      other?: string | null | undefined;
    }>();
    // @ts-expect-error a time tells no tenants apart
    defineEntity({ name: 'rows', tenant: 'at', fields });
    // @ts-expect-error it may be null
    defineEntity({ name: 'rows', tenant: 'other', fields });
    // @ts-expect-error there is no such field
    defineEntity({ name: 'rows', tenant: 'team', fields });
    expectTypeOf(withTenant(1, async () => 'x')).toEqualTypeOf<Promise<string>>();
    expectTypeOf(acrossTenants(() => 1)).toEqualTypeOf<number>();
    // @ts-expect-error a tenant is a text or a number
    withTenant(new Date(), () => 1);
  });

  it('types its rows', () => {
    expectTypeOf<User>().toEqualTypeOf<{
      id: string;
      email: string;
      state: 'active' | 'blocked';
      roles: string[];
      logins: number;
      balance: bigint;
      price: string;
      verified: boolean;
      photo: Uint8Array | null;
      extra: { a: number } | null;
      createdAt: Date;
      version: number;
    }>();
  });

  it('asks an insert for what is not managed and not nullable', () => {
    type Row = NewOf<typeof users>;
    expectTypeOf<Row['email']>().toEqualTypeOf<string>();
    expectTypeOf<Row['createdAt']>().toEqualTypeOf<Date | undefined>();
    expectTypeOf<Row['photo']>().toEqualTypeOf<Uint8Array | null | undefined>();
    const row: Row = { email: '', state: 'active', roles: [], logins: 0, balance: 0n, price: '1', verified: true };
    expectTypeOf(repo.insert(row)).resolves.toEqualTypeOf<User>();
    // @ts-expect-error an email is needed
    void repo.insert({ state: 'active', roles: [], logins: 0, balance: 0n, price: '1', verified: true });
    // @ts-expect-error there is no such state
    void repo.insert({ ...row, state: 'gone' });
  });

  it('refuses roles and keys that do not fit', () => {
    const fields = { id: 'string', n: 'int', at: 'date' } as const;
    defineEntity({ name: 'x', fields, version: 'n', createdAt: 'at' });
    // @ts-expect-error a version is an int
    defineEntity({ name: 'x', fields, version: 'at' });
    // @ts-expect-error a time is a date
    defineEntity({ name: 'x', fields, createdAt: 'n' });
    // @ts-expect-error there is no such field
    defineEntity({ name: 'x', fields, unique: [['missing']] });
    // @ts-expect-error every entity has an id
    defineEntity({ name: 'x', fields: { n: 'int' } });
    // @ts-expect-error there is no such type
    defineEntity({ name: 'x', fields: { id: 'string', n: 'varchar' } });
  });
});

describe('an entity of a schema that is there', () => {
  const films = defineEntity({
    name: 'films',
    table: 'public.film',
    naming: 'snake_case',
    fields: {
      filmId: generated('int'),
      title: stored('string', { column: 'name' }),
      rating: nullable(stored(typed<'G' | 'R'>('string'), { as: 'enum' })),
      rate: stored('decimal', { as: 'numeric(4,2)' }),
      tags: stored(nullable(typed<string[]>('json')), { as: 'text[]' }),
      changedAt: stored(generated('date'), { as: 'timestamp' }),
    },
    id: 'filmId',
  });
  type Film = EntityOf<typeof films>;
  const cast = defineEntity({
    name: 'cast',
    fields: { filmId: 'int', actorId: 'bigint', part: 'string' },
    id: ['filmId', 'actorId'],
  });
  const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
  const stock = db.repo(films);

  it('has the types of its fields, whatever their columns are', () => {
    expectTypeOf<Film>().toEqualTypeOf<{
      filmId: number;
      title: string;
      rating: 'G' | 'R' | null;
      rate: string;
      tags: string[] | null;
      changedAt: Date;
    }>();
    type Row = NewOf<typeof films>;
    expectTypeOf<Row>().toEqualTypeOf<{
      title: string;
      rate: string;
      filmId?: number | undefined;
      rating?: 'G' | 'R' | null | undefined;
      tags?: string[] | null | undefined;
      changedAt?: Date | undefined;
    }>();
  });

  it('takes ids of the type of its key', () => {
    expectTypeOf(stock.get(1)).resolves.toEqualTypeOf<Film | null>();
    expectTypeOf(stock.insertMany([])).resolves.toEqualTypeOf<number[]>();
    // @ts-expect-error a number
    void stock.get('1');
    // @ts-expect-error the id stays
    void stock.update(1, { set: { filmId: 2 } });
    const parts = db.repo(cast);
    expectTypeOf<IdOf<EntityOf<typeof cast>, 'filmId' | 'actorId'>>().toEqualTypeOf<{
      filmId: number;
      actorId: bigint;
    }>();
    expectTypeOf(parts.insertMany([])).resolves.toEqualTypeOf<{ filmId: number; actorId: bigint }[]>();
    void parts.delete({ filmId: 1, actorId: 2n });
    // @ts-expect-error half a key
    void parts.get({ filmId: 1 });
    // @ts-expect-error both stay
    void parts.update({ filmId: 1, actorId: 2n }, { set: { actorId: 3n } });
    // @ts-expect-error nobody makes up a part of a key
    void parts.insert({ filmId: 1, part: 'x' });
  });

  it('refuses what does not fit', () => {
    // @ts-expect-error no such storage of a string
    stored('string', { as: 'jsonb' });
    // @ts-expect-error an int has none
    stored('int', { as: 'uuid' });
    // @ts-expect-error digits are missing
    stored('decimal', { as: 'numeric' });
    // @ts-expect-error no such field
    defineEntity({ name: 'x', fields: { a: 'string' }, id: 'b' });
    // @ts-expect-error bytes are no key
    defineEntity({ name: 'x', fields: { a: 'bytes' }, id: 'a' });
    // @ts-expect-error a key is never null
    defineEntity({ name: 'x', fields: { a: nullable('string') }, id: 'a' });
    // @ts-expect-error one of the two is no field
    defineEntity({ name: 'x', fields: { a: 'int', b: 'int' }, id: ['a', 'c'] });
  });
});

describe('aggregates and selections', () => {
  it('have the types of their fields', () => {
    const values = {
      n: 'count',
      known: { count: 'photo' },
      logins: { sum: 'logins' },
      balance: { sum: 'balance' },
      price: { sum: 'price' },
      mean: { avg: 'logins' },
      exact: { avg: 'balance' },
      first: { min: 'createdAt' },
      last: { max: 'email' },
    } as const;
    expectTypeOf(repo.aggregate({ values })).resolves.toEqualTypeOf<{
      n: number;
      known: number;
      logins: number;
      balance: bigint;
      price: string;
      mean: number | null;
      exact: string | null;
      first: Date | null;
      last: string | null;
    }>();
    expectTypeOf(repo.aggregate({ by: ['state', 'verified'], values: { n: 'count' } })).resolves.toEqualTypeOf<
      (Pick<User, 'state' | 'verified'> & { n: number })[]
    >();
    // @ts-expect-error no sum of dates
    void repo.aggregate({ values: { n: { sum: 'createdAt' } } });
    // @ts-expect-error json has no least
    void repo.aggregate({ values: { n: { min: 'roles' } } });
    // @ts-expect-error no groups by json
    void repo.aggregate({ by: ['roles'], values: { n: 'count' } });
  });

  it('pick fields', () => {
    expectTypeOf(repo.find({ select: ['id', 'email'] })).resolves.toEqualTypeOf<Pick<User, 'id' | 'email'>[]>();
    expectTypeOf(repo.get('x', { select: ['roles'] })).resolves.toEqualTypeOf<Pick<User, 'roles'> | null>();
    expectTypeOf(repo.window({ select: ['id'], limit: 1 })).resolves.toEqualTypeOf<Window<Pick<User, 'id'>>>();
    // @ts-expect-error no such field
    void repo.find({ select: ['mail'] });
  });
});

describe('a repository', () => {
  it('types its answers', () => {
    expectTypeOf(repo.get('x')).resolves.toEqualTypeOf<User | null>();
    expectTypeOf(repo.find()).resolves.toEqualTypeOf<User[]>();
    expectTypeOf(repo.window({ limit: 5 })).resolves.toEqualTypeOf<Window<User>>();
    expectTypeOf(
      repo.update('x', { set: { email: 'y' }, inc: { logins: 1, balance: 1n } }),
    ).resolves.toEqualTypeOf<User>();
    expectTypeOf(repo.delete('x')).resolves.toEqualTypeOf<boolean>();
  });

  it('types filters by field', () => {
    const filters: Filter<User>[] = [
      { email: 'x', logins: { gte: 1, lt: 5 }, state: { in: ['active'] }, photo: null },
      { $or: [{ email: { contains: 'x', ignoreCase: true } }, { $not: { createdAt: { lt: new Date() } } }] },
      { id: { ne: null }, extra: { ne: null } },
    ];
    void filters;
    const refused: Filter<User>[] = [
      // @ts-expect-error no such field
      { mail: 'x' },
      // @ts-expect-error numbers have no prefix
      { logins: { startsWith: '1' } },
      // @ts-expect-error json is opaque
      { roles: ['admin'] },
      // @ts-expect-error json that is null or not is all that can be asked
      { extra: { a: 1 } },
      // @ts-expect-error a filter without a value is a mistake
      { email: undefined },
      // @ts-expect-error not one of the values
      { state: 'gone' },
      // @ts-expect-error a bigint
      { balance: 5 },
    ];
    void refused;
  });

  it('types sorts and patches', () => {
    void repo.find({
      sort: [
        ['createdAt', 'desc'],
        ['email', 'asc'],
      ],
    });
    // @ts-expect-error json has no order
    void repo.find({ sort: [['roles', 'asc']] });
    // @ts-expect-error not a direction
    void repo.find({ sort: [['email', 'up']] });
    // @ts-expect-error the id stays
    void repo.update('x', { set: { id: 'y' } });
    // @ts-expect-error text cannot be added to
    void repo.update('x', { inc: { email: 1 } });
    // @ts-expect-error new values go into set
    void repo.update('x', { email: 'y' });
    void repo.upsert(['email'], {
      email: '',
      state: 'active',
      roles: [],
      logins: 0,
      balance: 0n,
      price: '1',
      verified: true,
    });
  });
});

describe('a database', () => {
  it('knows its native side', () => {
    interface Tables {
      users: { id: string };
    }
    const db = createDatabase({ driver: sqlite<Tables>({ file: ':memory:' }) });
    expectTypeOf(db.native.kysely).toEqualTypeOf<Kysely<Tables>>();
    expectTypeOf(db.repo(users)).toEqualTypeOf<Repository<User, NewOf<typeof users>>>();
    expectTypeOf(db.repo(users)).toEqualTypeOf<RepositoryOf<typeof users>>();
    expectTypeOf(db.transaction(async (tx) => tx.native)).resolves.toEqualTypeOf<SqlNative<Tables>>();
    const any: Database = db;
    void any;
  });

  it('opened by a URL has the native side that it is said to have', () => {
    expectTypeOf(openDatabase('sqlite::memory:')).resolves.toEqualTypeOf<Database>();
    expectTypeOf(openDatabase<SqlNative>('sqlite::memory:')).resolves.toEqualTypeOf<Database<SqlNative>>();
  });

  it('takes migrations of its kind, also when the URL came from the environment', () => {
    const migrations = defineMigrations<SqlNative>([
      { name: 'a', up: ({ kysely }) => kysely.schema.createTable('a').execute() },
    ]);
    createMigrator(createDatabase({ driver: sqlite({ file: 'x' }) }), migrations);
    createMigrator({} as Database, migrations);
  });
});
