// Reads on standbys of PostgreSQL, and what its standbys alone do.
import { postgres } from '@ent/database/postgres';
import { describeWithServer } from '@ent/testkit/vitest';
import { ask, newSchema, sleep } from '../fixtures/postgres.ts';
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
});
