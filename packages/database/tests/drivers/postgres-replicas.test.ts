// Reads on standbys of PostgreSQL, and what its standbys alone do.
import { createDatabase, withTenant } from '@ent/database';
import { copyOut, postgres } from '@ent/database/postgres';
import { createTables } from '@ent/database/testing';
import { runWithContext } from '@ent/internal';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { shelves } from '../fixtures/hostile-tenants.ts';
import { people } from '../fixtures/people.ts';
import { ask, newSchema, sleep } from '../fixtures/postgres.ts';
import { policyOf } from '../fixtures/row-security.ts';
import { testReplicas } from '../fixtures/sql-replicas.ts';

describeWithServer('postgres-standby', { killable: true }, (server) => {
  let schema: string;
  testReplicas(server, {
    system: 'postgresql',
    async prepare() {
      schema = (await newSchema(server.url)).searchPath;
    },
    space: () => schema,
    urlOf: () => server.url,
    driverOf: ({ url = server.url, ...options }) =>
      postgres({ url, searchPath: schema, applicationName: schema, ...options }),
    ask,
    port: 'inet_server_port()',
    pause: 'pg_sleep(4)',
    nextval: `nextval('numbers')`,
    sleep,
    running: ({ url }) =>
      ask(
        url,
        `select query from pg_stat_activity where query like '%pg_sleep%' and state <> 'idle' and pid <> pg_backend_pid()`,
      ),
    connections: ({ url }) => ask(url, 'select pid from pg_stat_activity where application_name = $1', [schema]),
    halt: ({ url }) => ask(url, 'select pg_wal_replay_pause()'),
    goOn: ({ url }) => ask(url, 'select pg_wal_replay_resume()'),
  });

  it('what COPY gives comes from the primary, which has all and may write', async () => {
    const place = await newSchema(server.url);
    const replicas = server.standbys.map(({ host, port }) => `${host}:${port}`);
    const db = createDatabase({ driver: postgres({ ...place, replicas }), timeout: '60s' });
    try {
      await createTables(db, people);
      const textOf = (statement: string): Promise<string> =>
        runWithContext({}, async () => {
          const pieces: Uint8Array[] = [];
          for await (const piece of copyOut(db, statement)) pieces.push(piece);
          return Buffer.concat(pieces).toString();
        });
      // Where reads go to a standby, sooner or later.
      const port = sql<{ port: number }>`select inet_server_port() as port`;
      const seen = () => runWithContext({}, async () => (await port.execute(db.native.kysely)).rows[0]?.port);
      await expect.poll(seen).not.toBe(Number(new URL(server.url).port));
      for (let n = 0; n < 8; n += 1) {
        const insert = `insert into people (id, email, version) values ('${n}', '${n}', 1) returning id`;
        expect(await textOf(`copy (${insert}) to stdout`)).toBe(`${n}\n`);
        expect(await textOf('copy (select count(*) from people) to stdout')).toBe(`${n + 1}\n`);
      }
    } finally {
      await db.close();
      await ask(server.url, `drop schema ${place.searchPath} cascade`);
    }
  });

  it('a standby is told the tenant of each call too, and guards its rows from what is written natively', async () => {
    const place = await newSchema(server.url);
    const role = `${place.searchPath}_app`;
    const owner = createDatabase({ driver: postgres(place) });
    await createTables(owner, shelves);
    const orgs = Array.from({ length: 60 }, (_, at) => `org ${at}`);
    for (const org of orgs) await withTenant(org, () => owner.repo(shelves).insert({ slug: 'same', n: 1 }));
    await owner.close();
    for (const statement of await policyOf(`${place.searchPath}.shelves`, role)) await ask(server.url, statement);
    const url = new URL(server.url);
    url.username = role;
    const replicas = server.standbys.map(({ host, port }) => `${host}:${port}`);
    const driver = postgres({ ...place, url: url.href, max: 3, tenantSetting: 'app.tenant', replicas });
    const db = createDatabase({ driver, timeout: '60s' });
    try {
      const asked = async () => {
        const query = sql<{ org: string; port: number }>`select org, inet_server_port() as port from shelves`;
        return (await query.execute(db.native.kysely)).rows;
      };
      const inContext = <T>(work: () => T): T => runWithContext({}, work);
      // The role and its policy have to get there; who is not told sees nothing.
      const ports = server.standbys.map(({ port }) => port);
      await expect
        .poll(async () => {
          const seen = Array.from({ length: 8 }, () => inContext(() => withTenant('org 0', asked)).catch(() => []));
          return [...new Set((await Promise.all(seen)).flat().map(({ port }) => port))].sort();
        })
        .toEqual(ports.toSorted());
      const answers = await Promise.all(
        orgs.flatMap((org) => Array.from({ length: 4 }, () => withTenant(org, () => inContext(asked)))),
      );
      expect(answers.map((rows) => rows.map((row) => row.org))).toEqual(
        orgs.flatMap((org) => Array.from({ length: 4 }, () => [org])),
      );
      expect(answers.flat().some(({ port }) => ports.includes(port))).toBe(true);
      expect(await inContext(asked)).toEqual([]);
    } finally {
      await db.close();
      await ask(server.url, `drop schema ${place.searchPath} cascade`);
      await ask(server.url, `drop role ${role}`);
    }
  });
});
