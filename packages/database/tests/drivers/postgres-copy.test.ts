// COPY in and out of PostgreSQL: all or nothing, as fast as the slower side, and nothing left when somebody gives up.
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { inspect } from 'node:util';
import { createDatabase, type Database } from '@ent/database';
import { copyIn, copyOut, type CopySource } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { people, rejection, signal } from '../fixtures/people.ts';
import { ask, isWell, useDatabases } from '../fixtures/postgres.ts';

const IN = 'copy people (id, email, version) from stdin (format csv)';
const OUT = 'copy (select id, email from people order by id) to stdout (format csv)';

function* csv(rows: number, from = 0): Generator<string> {
  for (let n = from; n < from + rows; n += 1) yield `${String(n).padStart(6, '0')},${n}@example.org,1\n`;
}

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all).toString();
}

describeWithServer('postgres', { killable: true }, (server) => {
  const { open, running, schema } = useDatabases(server);

  /** The process of the server behind the only connection. */
  async function pid(db: Database<SqlNative>): Promise<number | undefined> {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db.native.kysely);
    return rows[0]?.pid;
  }

  describe('rows', () => {
    it('go in and come out as they are, in pieces of any size', async () => {
      const db = await open();
      expect(await copyIn(db, IN, csv(20_000))).toBe(20_000);
      expect(await db.repo(people).get('000007')).toMatchObject({ email: '7@example.org', name: null });
      const expected = [...csv(20_000)].map((line) => line.replace(/,1$/m, '')).join('');
      const pieces: Uint8Array[] = [];
      for await (const piece of copyOut(db, OUT)) pieces.push(piece);
      expect(Buffer.concat(pieces).toString()).toBe(expected);
      // And not a piece for each row.
      expect(pieces.length).toBeLessThan(2000);
      await sql`truncate people`.execute(db.native.kysely);
      const bytes = Buffer.from([...csv(1000)].join(''));
      const odd = Array.from({ length: Math.ceil(bytes.length / 531) }, (_, n) =>
        bytes.subarray(n * 531, (n + 1) * 531),
      );
      await copyIn(db, IN, Readable.from(odd));
      expect(await db.repo(people).count()).toBe(1000);
    });

    it('of a row larger than any buffer, and of none', async () => {
      const db = await open();
      const large = 'x'.repeat(3_000_000);
      expect(await copyIn(db, 'copy people (id, email, name, version) from stdin', [`a\ta\t${large}\t1\n`])).toBe(1);
      expect(await textOf(copyOut(db, `copy (select name from people) to stdout`))).toBe(`${large}\n`);
      expect(await copyIn(db, IN, [])).toBe(0);
      expect(await textOf(copyOut(db, `copy (select 1 where false) to stdout`))).toBe('');
    });

    it('go by statements with a comment before them', async () => {
      const db = await open();
      expect(await copyIn(db, `/* of /* an */ app */ ${IN}`, csv(3))).toBe(3);
      expect((await textOf(copyOut(db, `-- app\n${OUT}`))).split('\n')).toHaveLength(4);
    });

    it('go by streams', async () => {
      const db = await open();
      const source = Readable.from(csv(5000));
      await copyIn(db, IN, source);
      let length = 0;
      const sink = new Writable({
        write(chunk: Buffer, _encoding, done) {
          length += chunk.length;
          setImmediate(done);
        },
      });
      await pipeline(copyOut(db, 'copy (select id from people) to stdout'), sink);
      expect(length).toBe(5000 * 7);
    });

    it('join the transaction around them', async () => {
      const db = await open({ max: 1 });
      const failed = db.transaction(async () => {
        await db.repo(people).insert({ id: 'a', email: 'a', name: null, tags: null, age: null });
        expect(await copyIn(db, IN, csv(10))).toBe(10);
        expect((await textOf(copyOut(db, OUT))).split('\n')).toHaveLength(12);
        throw new Error('on second thought');
      });
      expect((await rejection(failed)).message).toBe('on second thought');
      expect(await db.repo(people).count()).toBe(0);
    });
  });

  describe('the slower side', () => {
    it('a reader holds up the server', async () => {
      const db = await open();
      const rows = copyOut(db, `copy (select repeat('x', 1000) from generate_series(1, 200000)) to stdout`, {
        timeout: '5m',
      });
      await rows.next();
      // As long as the first would take if nothing held it up.
      await textOf(copyOut(db, `copy (select repeat('y', 1000) from generate_series(1, 200000)) to stdout`));
      const state = `select wait_event from pg_stat_activity where application_name = $1 and state = 'active'`;
      await expect.poll(() => ask(server.url, state, [schema()])).toEqual([{ wait_event: 'ClientWrite' }]);
      let length = 0;
      for await (const piece of rows) length += piece.length;
      expect(length).toBeGreaterThan(199_000_000);
    });

    it('a server holds up the source', async () => {
      const proxy = await server.proxy();
      const db = await open({ url: proxy.url });
      const MB = 1_000_000;
      const line = `${'x'.repeat(MB - 1)}\n`;
      let read = 0;
      function* source(): Generator<string> {
        for (; read < 200; read += 1) {
          if (read === 3) proxy.blackhole();
          yield line;
        }
      }
      await sql`create table lines (line text)`.execute(db.native.kysely);
      const copied = copyIn(db, 'copy lines from stdin', source(), { timeout: '5m' });
      await expect.poll(() => read).toBeGreaterThanOrEqual(3);
      // Some turns of the event loop, in which all of it would be read.
      for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
      expect(read).toBeLessThan(100);
      await proxy.heal();
      expect(await copied).toBe(200);
    });
  });

  describe('what fails', () => {
    it('a row that does not fit stores nothing, and nothing of it is told', async () => {
      const db = await open({ max: 1 });
      const before = await pid(db);
      const rows = [...csv(100), '000101,x@example.org,hunter2\n', ...csv(100, 200)];
      const error = await rejection(copyIn(db, IN, rows));
      expect(error.code).toBe('database.bad_data');
      expect(inspect(error, { depth: 9 })).not.toContain('hunter2');
      const twice = await rejection(copyIn(db, IN, [...csv(10), ...csv(1)]));
      expect(twice.code).toBe('database.unique_violation');
      expect(inspect(twice, { depth: 9 })).not.toContain('000000');
      expect(await db.repo(people).count()).toBe(0);
      // The connection is as good as ever.
      expect(await pid(db)).toBe(before);
    });

    it('is told while the source has nothing to say', async () => {
      const db = await open();
      async function* source(): AsyncGenerator<string> {
        yield '000001,x,hunter2\n'.repeat(10_000);
        await new Promise(() => {});
      }
      expect((await rejection(copyIn(db, IN, source()))).code).toBe('database.bad_data');
    });

    it('a source that fails is passed on, and nothing is stored, in a transaction or not', async () => {
      const db = await open({ max: 1 });
      const before = await pid(db);
      const broken = new Error('The file is broken.');
      async function* source(): AsyncGenerator<string> {
        yield* csv(10);
        throw broken;
      }
      await expect(copyIn(db, IN, source())).rejects.toBe(broken);
      expect(await pid(db)).toBe(before);
      const caught = db.transaction(async () => {
        await copyIn(db, IN, source()).catch(() => {});
      });
      expect((await rejection(caught)).code).toBe('database.transaction_failed');
      const part = db.transaction(async () => {
        await db.transaction(() => copyIn(db, IN, source()), { propagation: 'nested' }).catch(() => {});
        await copyIn(db, IN, csv(5));
      });
      await part;
      expect(await db.repo(people).count()).toBe(5);
    });

    it('one of our own errors from the source ends the transaction too', async () => {
      const db = await open({ max: 1 });
      async function* source(): AsyncGenerator<string> {
        yield* csv(10);
        await db.repo(people).find({ nothing: true } as object);
      }
      const caught = db.transaction(async () => {
        expect((await rejection(copyIn(db, IN, source()))).code).toBe('database.invalid_query');
      });
      expect((await rejection(caught)).code).toBe('database.transaction_failed');
      expect(await db.repo(people).count()).toBe(0);
    });

    it('a source of something else than text and bytes', async () => {
      const db = await open();
      await expect(copyIn(db, IN, [1] as unknown as CopySource)).rejects.toThrow('text or bytes');
      await isWell(db);
    });

    it('a server that is killed in the middle', async () => {
      const db = await open();
      const { promise: begun, fire } = signal();
      async function* source(): AsyncGenerator<string> {
        yield* csv(10);
        fire();
        await new Promise(() => {});
      }
      const copied = rejection(copyIn(db, IN, source(), { timeout: '5m' }));
      const out = copyOut(db, `copy (select repeat('x', 1000) from generate_series(1, 200000)) to stdout`, {
        timeout: '5m',
      });
      await out.next();
      await begun;
      await server.kill();
      expect((await copied).code).toBe('database.unavailable');
      expect((await rejection(textOf(out))).code).toBe('database.unavailable');
      await server.start();
      await isWell(db);
      expect(await db.repo(people).count()).toBe(0);
    });
  });

  describe('who gives up', () => {
    it.each(['abort', 'timeout'] as const)('by %s leaves nothing, on the way in', async (how) => {
      const db = await open();
      const { promise: begun, fire } = signal();
      async function* source(): AsyncGenerator<string> {
        yield* csv(10);
        fire();
        await new Promise(() => {});
      }
      const controller = new AbortController();
      const options = how === 'abort' ? { signal: controller.signal } : { timeout: 2000 };
      const copied = rejection(copyIn(db, IN, source(), options));
      // Or its time is over before, on a machine that stood still.
      await Promise.race([begun, copied]);
      controller.abort(new Error('gone'));
      const error = await copied;
      expect(how === 'abort' ? error.message : error.code).toBe(how === 'abort' ? 'gone' : 'database.timeout');
      await expect.poll(running).toEqual([]);
      await isWell(db);
      expect(await db.repo(people).count()).toBe(0);
    });

    it.each(['abort', 'timeout', 'break'] as const)('by %s leaves nothing, on the way out', async (how) => {
      const db = await open();
      const controller = new AbortController();
      const options = how === 'timeout' ? { timeout: 300 } : { signal: controller.signal };
      const statement = `copy (select repeat('x', 1000) from generate_series(1, 2000000)) to stdout`;
      const read = async (): Promise<void> => {
        for await (const _piece of copyOut(db, statement, options)) {
          if (how === 'break') break;
          controller.abort(new Error('gone'));
        }
      };
      if (how === 'break') await read();
      else if (how === 'abort') expect((await rejection(read())).message).toBe('gone');
      else expect((await rejection(read())).code).toBe('database.timeout');
      await expect.poll(running).toEqual([]);
      await isWell(db);
    });

    it('closes the source', async () => {
      const db = await open();
      const source = new Readable({ read() {} });
      source.push('000001,a,1\n');
      const controller = new AbortController();
      const copied = rejection(copyIn(db, IN, source, { signal: controller.signal }));
      await expect.poll(running).toHaveLength(1);
      const closed = once(source, 'close');
      controller.abort(new Error('gone'));
      await copied;
      await closed;
      expect(source.destroyed).toBe(true);
    });
  });

  describe('refuses', () => {
    it('what is no COPY of that direction, before and after it was sent', async () => {
      const db = await open({ max: 1 });
      for (const statement of ['select 1', '', OUT]) {
        expect((await rejection(copyIn(db, statement, []))).code).toBe('database.invalid_query');
      }
      for (const statement of ['select 1', '', IN]) {
        expect((await rejection(textOf(copyOut(db, statement)))).code).toBe('database.invalid_query');
      }
      expect((await rejection(textOf(copyOut(db, `copy people from stdin -- to stdout`)))).code).toBe(
        'database.invalid_query',
      );
      expect((await rejection(copyIn(db, `copy people to stdout -- from stdin`, []))).code).toBe(
        'database.invalid_query',
      );
      await isWell(db);
    });

    it('another database, a source that is none, and an unknown option', async () => {
      const db = await open();
      expect((await rejection(copyIn(db, IN, 5 as unknown as CopySource))).code).toBe('database.invalid_query');
      expect((await rejection(copyIn(db, IN, [], { timeuot: 5 } as object))).code).toBe('database.invalid_query');
      const other = createDatabase({ driver: sqlite({ file: ':memory:' }) });
      expect((await rejection(copyIn(other, IN, []))).code).toBe('database.unsupported');
      expect((await rejection(textOf(copyOut(other, OUT)))).code).toBe('database.unsupported');
      await other.close();
    });
  });
});
