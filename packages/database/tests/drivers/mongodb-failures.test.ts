// MongoDB's API by a server that fails, in the ways in which it does: what a caller learns, and that the driver is well
// again by itself.
import type { FaultProxy } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { useDatabases } from '../fixtures/mongodb.ts';
import { ann, people, rejection } from '../fixtures/people.ts';
import { isWell } from '../fixtures/well.ts';
import { losesNothingBy } from '../fixtures/writing.ts';

describeWithServer('mongodb', { killable: true }, (server) => {
  const { open } = useDatabases(server);

  describe('a server that is restarted under load', () => {
    it.each(['restart', 'kill'] as const)('by %s loses nothing that was answered, and no call hangs', async (how) => {
      const db = await open({ max: 4, connectTimeout: '1s' }, { timeout: 5000 });
      await losesNothingBy(db, how, server);
      await isWell(db);
    });
  });

  describe('a network that fails', () => {
    let proxy: FaultProxy;
    beforeEach(async () => {
      proxy = await server.proxy();
    });
    afterEach(() => proxy.close());

    it('connections that are cut fail their calls, and the next ones work', async () => {
      const db = await open({ url: proxy.url, connectTimeout: '500ms' }, { timeout: 3000 });
      proxy.latency(60_000);
      const waiting = Array.from({ length: 4 }, () => rejection(db.repo(people).insert(ann)));
      await expect.poll(() => db.stats().inUse).toBe(4);
      proxy.cut();
      // A call whose connection was still to be made waits on for one.
      for (const call of waiting) expect((await call).code).toMatch(/^database\.(timeout|unavailable)$/);
      await proxy.heal();
      await isWell(db);
    });

    it('half-open sockets end calls at their deadline, and the next ones take new connections', async () => {
      const db = await open({ url: proxy.url, connectTimeout: '500ms' }, { timeout: 400 });
      proxy.blackhole();
      const calls = Array.from({ length: 8 }, () => rejection(db.repo(people).count()));
      for (const call of calls) expect((await call).code).toMatch(/^database\.(timeout|unavailable)$/);
      await proxy.heal();
      await isWell(db);
    });

    it('a server that refuses is unavailable, and found again', async () => {
      const db = await open({ url: proxy.url, connectTimeout: '500ms' });
      await proxy.refuse();
      expect((await rejection(db.ping())).code).toBe('database.unavailable');
      await proxy.heal();
      await isWell(db);
    });
  });

  it('a paused server holds up no call past its deadline, nor close', async () => {
    const db = await open({ max: 2 }, { timeout: 300 });
    await server.pause();
    try {
      const calls = Array.from({ length: 6 }, () => rejection(db.repo(people).count()));
      for (const call of calls) expect((await call).code).toMatch(/^database\.(timeout|unavailable)$/);
      await expect.poll(() => db.stats()).toMatchObject({ inUse: 0, waiting: 0 });
      await db.close();
    } finally {
      await server.resume();
    }
  });

  it('a server that is not there at first is unavailable, and used when it is', async () => {
    const db = await open({ connectTimeout: '300ms' });
    await db.close();
    await server.stop();
    const opening = open({ connectTimeout: '300ms' });
    expect((await rejection(opening)).code).toBe('database.unavailable');
    await server.start();
    await isWell(await open());
  });
});
