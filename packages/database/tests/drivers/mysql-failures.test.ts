// MySQL and MariaDB that fail, in the ways in which they do: what a caller learns, and that the driver is well again by
// itself.
import { createDatabase } from '@ent/database';
import { mysql } from '@ent/database/mysql';
import type { FaultProxy } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sleep, useDatabases } from '../fixtures/mysql.ts';
import { ann, people, rejection } from '../fixtures/people.ts';
import { isWell } from '../fixtures/well.ts';

describeWithServer('mariadb', { killable: true }, (server) => {
  const { open, running, terminate } = useDatabases(server);

  describe('a server that ends connections', () => {
    it('idle ones are replaced without a word', async () => {
      const db = await open();
      await Promise.all([db.ping(), db.ping()]);
      await terminate();
      await isWell(db);
    });

    it('busy ones are unavailable, and the next call works', async () => {
      const db = await open();
      const busy = rejection(sleep(db));
      await expect.poll(running).toHaveLength(1);
      await terminate();
      expect((await busy).code).toBe('database.unavailable');
      await isWell(db);
    });

    it('a transaction whose connection is gone fails, and rolls back', async () => {
      const db = await open();
      const lost = db.transaction(async () => {
        await db.repo(people).insert(ann);
        await terminate();
        await db.repo(people).count();
      });
      expect((await rejection(lost)).code).toBe('database.unavailable');
      await isWell(db);
      expect(await db.repo(people).count()).toBe(0);
    });
  });

  describe('a server that is restarted under load', () => {
    it.each(['restart', 'kill'] as const)('by %s loses nothing that was answered, and no call hangs', async (how) => {
      const db = await open({ max: 4 }, { timeout: 5000 });
      const repo = db.repo(people);
      const stored: string[] = [];
      const codes = new Set<string>();
      let on = true;
      const worker = async (w: number): Promise<void> => {
        for (let n = 0; on; n += 1) {
          const id = `${w}-${n}`;
          try {
            await repo.insert({ ...ann, id, email: id });
            stored.push(id);
          } catch (error) {
            codes.add((error as { code: string }).code);
            await new Promise(setImmediate);
          }
        }
      };
      const workers = Array.from({ length: 6 }, (_, w) => worker(w));
      await expect.poll(() => stored.length, { timeout: 20_000 }).toBeGreaterThan(20);
      if (how === 'kill') await server.kill();
      await (how === 'kill' ? server.start() : server.restart());
      const before = stored.length;
      await expect.poll(() => stored.length, { timeout: 30_000 }).toBeGreaterThan(before + 20);
      on = false;
      await Promise.all(workers);
      expect([...codes].filter((code) => code !== 'database.unavailable' && code !== 'database.timeout')).toEqual([]);
      const found = await repo.find({ where: { id: { in: stored } } });
      expect(found).toHaveLength(stored.length);
      await isWell(db);
    });
  });

  describe('a network that fails', () => {
    let proxy: FaultProxy;
    beforeEach(async () => {
      proxy = await server.proxy();
    });
    afterEach(() => proxy.close());

    it('a COMMIT that is cut is unknown, is told so, and is not run again', async () => {
      const db = await open({ url: proxy.url });
      let runs = 0;
      const error = await rejection(
        db.transaction(async (tx) => {
          runs += 1;
          await tx.repo(people).insert({ ...ann, id: `${runs}`, email: `${runs}` });
          // What is sent from now on arrives, and its answer does not.
          proxy.latency(60_000);
          setTimeout(() => proxy.cut(), 100);
        }),
      );
      expect([error.code, runs]).toEqual(['database.commit_unknown', 1]);
      expect((error.cause as { code: string }).code).toBe('database.unavailable');
      await proxy.heal();
      await isWell(db);
    });

    it('a COMMIT whose answer does not come in time is unknown', async () => {
      const db = await open({ url: proxy.url });
      const late = db.transaction(
        async () => {
          await db.repo(people).insert(ann);
          proxy.blackhole();
        },
        { timeout: 500 },
      );
      const error = await rejection(late);
      expect([error.code, (error.cause as { code: string }).code]).toEqual([
        'database.commit_unknown',
        'database.timeout',
      ]);
      await proxy.heal();
      await isWell(db);
    });

    it('half-open sockets end calls at their deadline, and the next ones take new connections', async () => {
      const db = await open({ url: proxy.url, connectTimeout: 500 }, { timeout: 400 });
      await db.ping();
      proxy.blackhole();
      const calls = Array.from({ length: 4 }, () => rejection(db.repo(people).count()));
      for (const call of calls) expect((await call).code).toMatch(/^database\.(timeout|unavailable)$/);
      await proxy.heal();
      await isWell(db);
    });

    it('a server that refuses is unavailable, and found again', async () => {
      const db = await open({ url: proxy.url });
      await proxy.refuse();
      expect((await rejection(db.ping())).code).toBe('database.unavailable');
      await proxy.heal();
      await isWell(db);
    });

    it('of several hosts the next one is taken', async () => {
      const { port } = new URL(proxy.url);
      const url = server.url.replace('127.0.0.1:', `127.0.0.1:${port},127.0.0.1:`);
      const db = await open({ url });
      await db.ping();
      await proxy.refuse();
      await isWell(db);
      await db.repo(people).insert(ann);
    });
  });

  it('a paused server holds up no call past its deadline, nor close', async () => {
    const db = await open({ connectTimeout: 500 }, { timeout: 500 });
    await db.ping();
    await server.pause();
    try {
      expect((await rejection(db.repo(people).count())).code).toBe('database.timeout');
      expect((await rejection(db.ping())).code).toMatch(/^database\.(timeout|unavailable)$/);
      const other = createDatabase({ driver: mysql({ url: server.url, connectTimeout: 500 }), timeout: 1000 });
      expect((await rejection(other.ping())).code).toMatch(/^database\.(timeout|unavailable)$/);
      await other.close();
    } finally {
      await server.resume();
    }
    await isWell(db);
  });
});
