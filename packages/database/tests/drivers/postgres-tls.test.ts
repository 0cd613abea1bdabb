// PostgreSQL over TLS: what each `sslmode` accepts, and that a call over it is cancelled as any other.
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '@ent/database';
import { postgres, type PostgresUrlOptions } from '@ent/database/postgres';
import type { SqlNative } from '@ent/database/sql';
import { whyMissing } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterAll, expect, it } from 'vitest';
import { rejection } from '../fixtures/people.ts';
import { ask, sleep } from '../fixtures/postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'ent-tls-'));
const [key, cert] = [join(folder, 'server.key'), join(folder, 'server.crt')];

// Who has PostgreSQL has OpenSSL.
if (whyMissing('postgres', { args: [] }) === undefined) makeCertificate();

function makeCertificate(): void {
  const subject = '-subj /CN=localhost -addext subjectAltName=DNS:localhost';
  const request = `req -new -x509 -days 2 -nodes -newkey rsa:2048 ${subject} -keyout ${key} -out ${cert}`;
  execFileSync('openssl', request.split(' '), { stdio: 'ignore' });
  chmodSync(folder, 0o755);
  chmodSync(key, 0o600);
  if (process.getuid?.() !== 0) return;
  // As root the server runs as a user of its own, and wants the key to be its own.
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  chownSync(key, idOf('-u'), idOf('-g'));
}
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
