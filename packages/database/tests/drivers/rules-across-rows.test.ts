// A rule about several rows, here that no two bookings of a room overlap: what docs/database/rules-across-rows.md says
// of each way to keep it, two callers and eight at once.
import { createDatabase, type Database, type DatabaseDriver, defineEntity } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import { postgres } from '@ent/database/postgres';
import { sqlite } from '@ent/database/sqlite';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { EntError } from '@ent/errors';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newDatabase } from '../fixtures/mysql.ts';
import { rejection } from '../fixtures/people.ts';
import { newSchema } from '../fixtures/postgres.ts';

const rooms = defineEntity({ name: 'rooms', fields: { id: 'string', changes: 'int' } });
const bookings = defineEntity({ name: 'bookings', fields: { id: 'string', room: 'string', from: 'date', to: 'date' } });

const noon = { from: new Date('2026-05-04T12:00:00Z'), to: new Date('2026-05-04T13:00:00Z') };
const later = { from: new Date('2026-05-04T12:30:00Z'), to: new Date('2026-05-04T13:30:00Z') };

/** Resolves when as many have come. */
function meeting(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let missing = count;
  return () => {
    missing -= 1;
    if (missing === 0) resolve();
    return promise;
  };
}

interface Rules {
  /** How many bookings stand when two callers have looked before either of them has written. */
  readonly unguarded: number;
  readonly driver: () => Promise<DatabaseDriver<SqlNative>>;
}

function rulesOn({ unguarded, driver }: Rules): void {
  let db: Database<SqlNative>;
  beforeEach(async () => {
    db = createDatabase({ driver: await driver() });
    await createTables(db, rooms, bookings);
    await db.repo(rooms).insert({ id: 'blue', changes: 0 });
  });
  afterEach(() => db.close());

  const isTaken = ({ from, to }: typeof noon): Promise<boolean> =>
    db.repo(bookings).exists({ where: { room: 'blue', from: { lt: to }, to: { gt: from } } });
  const insert = async (when: typeof noon): Promise<void> => {
    if (await isTaken(when)) throw new Error('taken');
    await db.repo(bookings).insert({ room: 'blue', ...when });
  };
  const stored = (): Promise<number> => db.repo(bookings).count();

  it(`looking and then writing leaves ${unguarded} of two`, async () => {
    const together = meeting(2);
    const book = (when: typeof noon): Promise<void> =>
      db.transaction(async () => {
        if (await isTaken(when)) throw new Error('taken');
        // Of one that has to wait for the other's transaction nobody waits.
        if (unguarded === 2) await together();
        await db.repo(bookings).insert({ room: 'blue', ...when });
      });
    await Promise.allSettled([book(noon), book(later)]);
    expect(await stored()).toBe(unguarded);
  });

  it('a change of the row that the rule is about makes one wait for the other', async () => {
    const together = meeting(8);
    const book = async (when: typeof noon): Promise<void> => {
      await together();
      await db.transaction(async () => {
        await db.repo(rooms).update('blue', { inc: { changes: 1 } });
        await insert(when);
      });
    };
    const all = await Promise.allSettled([1, 2, 3, 4].flatMap(() => [book(noon), book(later)]));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const reasons = all.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
    expect([...new Set(reasons)]).toEqual(['Error: taken']);
    expect(await stored()).toBe(1);
  });

  it('serializable transactions find out, and the one that runs again is refused', async () => {
    const together = meeting(2);
    let attempts = 0;
    const book = (when: typeof noon): Promise<void> =>
      db.transaction(
        async () => {
          attempts += 1;
          const taken = await isTaken(when);
          if (unguarded === 2 && attempts <= 2) await together();
          if (taken) throw new Error('taken');
          await db.repo(bookings).insert({ room: 'blue', ...when });
        },
        { isolation: 'serializable' },
      );
    const all = await Promise.allSettled([book(noon), book(later)]);
    expect(all.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(attempts).toBe(unguarded === 2 ? 3 : 2);
    expect(await stored()).toBe(1);
  });
}

describe('SQLite', () => {
  rulesOn({ unguarded: 1, driver: async () => sqlite({ file: ':memory:' }) });
});

describeWithServer('mariadb', (server) => {
  rulesOn({
    unguarded: 2,
    async driver() {
      const { name: _name, ...place } = await newDatabase(server.url);
      return mysql({ ...place, max: 8 });
    },
  });
});

describeWithServer('postgres', (server) => {
  const driver = async (): Promise<DatabaseDriver<SqlNative>> => postgres({ ...(await newSchema(server.url)), max: 8 });
  rulesOn({ unguarded: 2, driver });

  describe('keys with expressions', () => {
    let db: Database<SqlNative>;
    beforeEach(async () => {
      db = createDatabase({ driver: await driver() });
      await createTables(db, rooms, bookings);
    });
    afterEach(() => db.close());

    it('`for update` locks the row that the rule is about', async () => {
      await db.repo(rooms).insert({ id: 'blue', changes: 0 });
      const together = meeting(8);
      const book = async (): Promise<void> => {
        await together();
        await db.transaction(async () => {
          await db.native.kysely.selectFrom('rooms').select('id').where('id', '=', 'blue').forUpdate().execute();
          if (await db.repo(bookings).exists({ where: { room: 'blue' } })) throw new Error('taken');
          await db.repo(bookings).insert({ room: 'blue', ...noon });
        });
      };
      const all = await Promise.allSettled(Array.from({ length: 8 }, book));
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('an exclusion constraint refuses, and names itself and the fields that its expressions read', async () => {
      await sql`create extension if not exists btree_gist with schema public`.execute(db.native.kysely);
      await sql`alter table bookings add constraint bookings_overlap
        exclude using gist (room public.gist_text_ops with =, tstzrange("from", "to", '[)') with &&)`.execute(
        db.native.kysely,
      );
      const repo = db.repo(bookings);
      await repo.insert({ room: 'blue', ...noon });
      await repo.insert({ room: 'red', ...later });
      const error = await rejection(repo.insert({ room: 'blue', ...later }));
      expect(error).toMatchObject({
        code: 'database.unique_violation',
        message:
          'bookings.insert: an exclusion constraint refused, since a row that exists is in conflict with this one.',
        details: { constraint: 'bookings_overlap', fields: ['room', 'from', 'to'] },
      });
      expect(EntError.is(error) && error.status).toBe(409);
      expect(await repo.count()).toBe(2);
    });

    it('a range that ends before it begins is refused by a check that stands beside the constraint', async () => {
      await sql`create extension if not exists btree_gist with schema public`.execute(db.native.kysely);
      const overlap = sql`exclude using gist (room public.gist_text_ops with =, tstzrange("from", "to", '[)') with &&)`;
      await sql`alter table bookings add constraint bookings_overlap ${overlap}`.execute(db.native.kysely);
      const repo = db.repo(bookings);
      const reversed = { room: 'blue', from: noon.to, to: noon.from };
      const empty = { room: 'blue', from: noon.from, to: noon.from };
      // The function that makes the range refuses it; one of equal times has nothing in it, and overlaps nothing.
      expect((await rejection(repo.insert(reversed))).code).toBe('database.bad_data');
      await repo.insert({ room: 'blue', ...noon });
      await repo.insert(empty);
      await repo.deleteMany({ where: { room: 'blue' } });
      await sql`alter table bookings add constraint bookings_order check ("from" < "to")`.execute(db.native.kysely);
      for (const wrong of [reversed, empty]) {
        expect(await rejection(repo.insert(wrong))).toMatchObject({
          code: 'database.check_violation',
          status: 500,
          details: { constraint: 'bookings_order' },
        });
      }
    });

    it.each([
      ['lower(room)', ['room']],
      ["room, (id || ', '') \")' || room)", ['room', 'id']],
      ["coalesce(room, id), date_part('year', \"from\" at time zone 'UTC')", ['room', 'id', 'from']],
      ['extract(year from "from" at time zone \'UTC\')', ['from']],
      ['(room::character varying(3))', ['room']],
      ['("to" is not null), (case when room > \'a\' then "from" else "to" end)', ['to', 'room', 'from']],
    ])('a unique index on %s names the fields that it reads', async (key, fields) => {
      await sql.raw(`create unique index bookings_key on bookings (${key})`).execute(db.native.kysely);
      const repo = db.repo(bookings);
      // Of the ids only the index knows.
      if (fields.includes('id'))
        await sql.raw('alter table bookings drop constraint bookings_pkey').execute(db.native.kysely);
      await repo.insert({ id: 'one', room: 'blue', ...noon });
      const error = await rejection(repo.insert({ id: fields.includes('id') ? 'one' : 'two', room: 'blue', ...noon }));
      expect(error).toMatchObject({
        code: 'database.unique_violation',
        details: { constraint: 'bookings_key', fields },
      });
    });
  });
});
