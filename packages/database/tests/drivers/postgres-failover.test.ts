// Several hosts of PostgreSQL, of which one takes writes, and then another one.
import { createDatabase } from '@ent/database';
import { listen, notify, postgres } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import type { Server } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { people } from '../fixtures/people.ts';
import { ask, newSchema } from '../fixtures/postgres.ts';
import { losesNothing } from '../fixtures/writing.ts';

describeWithServer('postgres-standby', { killable: true }, (server) => {
  const urlOf = (...servers: readonly Server[]): string =>
    `postgres://postgres@${servers.map(({ host, port }) => `${host}:${port}`).join()}/postgres`;

  it('takes the one that takes writes, whichever comes first, or any', async () => {
    const [first, second] = server.standbys as [Server, Server];
    const port = async (options: { readonly targetSession?: 'any' }): Promise<unknown> => {
      const url = urlOf(first, second, server.primaryNode);
      const db = createDatabase<SqlNative>({ driver: postgres({ url, ...options }) });
      const { rows } = await sql<{ port: number }>`select inet_server_port() as port`.execute(db.native.kysely);
      await db.close();
      return rows[0]?.port;
    };
    expect(await port({})).toBe(server.primaryNode.port);
    expect(await port({ targetSession: 'any' })).toBe(first.port);
  });

  it('follows to a standby that is promoted, with all that was answered, its readers and its listener', async () => {
    const [next, other] = server.standbys as [Server, Server];
    // What was answered stands on both standbys then.
    await ask(server.url, `alter system set synchronous_standby_names = 'ANY 2 (*)'`);
    await ask(server.url, 'select pg_reload_conf()');
    const { searchPath } = await newSchema(server.url);
    const replicas = [`${next.host}:${next.port}`];
    const url = urlOf(server.primaryNode, other, next);
    const db = createDatabase({ driver: postgres({ url, searchPath, replicas, max: 4, connectTimeout: 5000 }) });
    await createTables(db, people);
    const repo = db.repo(people);
    const heard: string[] = [];
    let gaps = 0;
    await listen(db, searchPath, (payload) => void heard.push(payload), { onGap: () => void (gaps += 1) });

    await losesNothing(db, {
      writers: 4,
      look: async (id) => {
        if ((await repo.get(id)) === null) throw new Error('It does not see what it wrote.');
      },
      disturb: async () => {
        await server.primaryNode.kill();
        expect(await ask(next.url, 'select pg_promote() as done')).toEqual([{ done: true }]);
      },
    });
    await expect.poll(() => gaps).toBeGreaterThan(0);
    await notify(db, searchPath, 'after');
    await expect.poll(() => heard).toEqual(['after']);
    await db.close();
  });
});
