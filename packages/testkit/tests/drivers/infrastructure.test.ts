import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, expect, it } from 'vitest';
import { supervisor } from '../../src/supervisor/client.ts';
import { describeWithServer } from '../../src/vitest.ts';

// The configuration of docker-compose.yml, read by the servers of this machine: a setting that is misspelt stops them.
// The folder is the testkit's, so that it goes when this run is interrupted.
const { dir: folder } = await supervisor().reserve(undefined);
chmodSync(folder, 0o755);
afterAll(() => supervisor().release(folder));

/** A copy that the server's user can read, wherever this clone is. */
function copyOf(file: string): string {
  const copy = join(folder, basename(file));
  copyFileSync(source(file), copy);
  chmodSync(copy, 0o644);
  return copy;
}

function source(file: string): string {
  return fileURLToPath(new URL(`../../../../infrastructure/${file}`, import.meta.url));
}

describeWithServer('postgres', { args: ['-c', `config_file=${copyOf('postgres/postgresql.conf')}`] }, (server) => {
  it('accepts its configuration, and has a role that can only read', async () => {
    const owner = new pg.Client({ connectionString: server.url });
    await owner.connect();
    expect((await owner.query('show idle_in_transaction_session_timeout')).rows).toEqual([
      { idle_in_transaction_session_timeout: '10min' },
    ]);
    await owner.query('create table notes as select 1 as id');
    await promisify(execFile)('bash', [source('postgres/10-readonly.sh')], {
      env: {
        PATH: process.env['PATH'],
        PGHOST: server.host,
        PGPORT: String(server.port),
        POSTGRES_USER: 'postgres',
        POSTGRES_DB: 'postgres',
        POSTGRES_READONLY_PASSWORD: `it's "secret"`,
      },
    });
    await owner.end();

    const reader = new pg.Client({ connectionString: server.url.replace('postgres@', 'ent_readonly@') });
    await reader.connect();
    expect((await reader.query('select id from notes')).rows).toEqual([{ id: 1 }]);
    await reader.query('set default_transaction_read_only = off');
    await expect(reader.query('insert into notes values (2)')).rejects.toThrow('permission denied');
    await reader.end();
  });
});

describeWithServer('redis', { args: ['--include', copyOf('redis/redis.conf')] }, (server) => {
  it('accepts its configuration', () => {
    expect(server.logTail()).toContain('Ready to accept connections');
  });
});
