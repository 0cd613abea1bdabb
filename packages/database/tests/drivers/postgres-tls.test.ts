// PostgreSQL over TLS: what each `sslmode` accepts, and that a call over it is cancelled as any other.
import { rmSync } from 'node:fs';
import { createDatabase } from '@ent/database';
import { postgres, type PostgresUrlOptions } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { whyMissing } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterAll, expect, it } from 'vitest';
import { makeCertificate } from '../fixtures/certificate.ts';
import { rejection } from '../fixtures/people.ts';
import { ask, sleep } from '../fixtures/postgres.ts';

// Who has PostgreSQL has OpenSSL.
const { folder, key, cert } = makeCertificate('postgres', whyMissing('postgres', { args: [] }) === undefined);
afterAll(() => rmSync(folder, { recursive: true }));

const args = ['-c', 'ssl=on', '-c', `ssl_cert_file=${cert}`, '-c', `ssl_key_file=${key}`];
describeWithServer('postgres', { args }, (server) => {
  const open = (options: Omit<PostgresUrlOptions, 'url'> & { host?: string; query?: string } = {}) => {
    const { host = 'localhost', query = '', ...rest } = options;
    const url = server.url.replace('127.0.0.1', host) + query;
    return createDatabase<SqlNative>({ driver: postgres({ url, ...rest }) });
  };
  /** Whether the server sees our connection encrypted, or the code with which it is refused. */
  async function outcomeOf(options: Parameters<typeof open>[0]): Promise<unknown> {
    const db = open(options);
    try {
      const own = sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
      return (await own.execute(db.native.kysely)).rows[0]?.ssl;
    } catch (error) {
      return (error as { code?: string }).code;
    } finally {
      await db.close();
    }
  }

  it.each([
    [{}, false],
    [{ query: '?sslmode=disable' }, false],
    [{ query: '?sslmode=require' }, true],
    [{ query: '?sslmode=verify-full' }, 'database.unavailable'],
    [{ query: `?sslmode=verify-full&sslrootcert=${cert}` }, true],
    [{ query: `?sslmode=verify-full&sslrootcert=${cert}`, host: '127.0.0.1' }, 'database.unavailable'],
    [{ query: `?sslmode=verify-ca&sslrootcert=${cert}`, host: '127.0.0.1' }, true],
    [{ tls: true }, 'database.unavailable'],
  ])('connects or refuses as its options say (%#)', async (options, outcome) => {
    expect(await outcomeOf(options)).toBe(outcome);
  });

  it('a call that is given up is cancelled', async () => {
    const db = open({ query: '?sslmode=require', max: 1 });
    const asleep = `select 1 from pg_stat_activity where query like 'select pg_sleep(60)%' and state = 'active'`;
    const controller = new AbortController();
    const aborted = rejection(sleep(db, controller.signal));
    await expect.poll(() => ask(server.url, asleep)).toHaveLength(1);
    controller.abort(new Error('gone'));
    await aborted;
    await expect.poll(() => ask(server.url, asleep)).toEqual([]);
    await db.close();
  });
});
