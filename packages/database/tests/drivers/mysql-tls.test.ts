// MariaDB and MySQL over TLS: what each `ssl-mode` accepts, and that a call over it is stopped as any other.
import { rmSync } from 'node:fs';
import { createDatabase } from '@ent/database';
import { mysql, type MysqlUrlOptions } from '@ent/database/mysql';
import type { SqlNative } from '@ent/database/sql';
import { whyMissing } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { sql } from 'kysely';
import { afterAll, expect, it } from 'vitest';
import { makeCertificate } from '../fixtures/certificate.ts';
import { ask, sleep } from '../fixtures/mysql.ts';
import { rejection } from '../fixtures/people.ts';

// Who has MariaDB has OpenSSL.
const isThere = whyMissing('mariadb', { args: [] }) === undefined;
const { folder, key, cert } = makeCertificate('mysql', isThere);
const other = makeCertificate('mysql', isThere, 'other.example');
afterAll(() => {
  for (const made of [folder, other.folder]) rmSync(made, { recursive: true });
});

describeWithServer('mariadb', { args: ['--ssl', `--ssl-cert=${other.cert}`, `--ssl-key=${other.key}`] }, (server) => {
  it.each([
    ['verify_ca', 'answers'],
    ['verify_identity', 'database.unavailable'],
  ])('the certificate of another host is enough for %s or not', async (mode, outcome) => {
    const url = `${server.url.replace('127.0.0.1', 'localhost')}?ssl-mode=${mode}&ssl-ca=${other.cert}`;
    const db = createDatabase({ driver: mysql({ url }) });
    const found = await db.ping().then(
      () => 'answers',
      (error: unknown) => (error as { code?: unknown }).code,
    );
    await db.close();
    expect(found).toBe(outcome);
  });
});

const args = ['--ssl', `--ssl-cert=${cert}`, `--ssl-key=${key}`];
describeWithServer('mariadb', { args }, (server) => {
  const open = (options: Omit<MysqlUrlOptions, 'url'> & { host?: string; query?: string } = {}) => {
    const { host = 'localhost', query = '', ...rest } = options;
    const url = server.url.replace('127.0.0.1', host) + query;
    return createDatabase<SqlNative>({ driver: mysql({ url, ...rest }) });
  };
  /** Whether the server sees our connection encrypted, or the code with which it is refused. */
  async function outcomeOf(options: Parameters<typeof open>[0]): Promise<unknown> {
    const db = open(options);
    try {
      const own = sql<Record<string, string>>`show session status like 'Ssl_version'`;
      return (await own.execute(db.native.kysely)).rows[0]?.['Value'] !== '';
    } catch (error) {
      return (error as { code?: string }).code;
    } finally {
      await db.close();
    }
  }

  it.each([
    [{}, false],
    [{ query: '?ssl-mode=disabled' }, false],
    [{ query: '?ssl-mode=required' }, true],
    [{ query: '?ssl-mode=required', host: '127.0.0.1' }, true],
    [{ query: '?ssl-mode=verify_identity' }, 'database.unavailable'],
    [{ query: `?ssl-mode=verify_identity&ssl-ca=${cert}` }, true],
    [{ query: `?ssl-mode=verify_ca&ssl-ca=${cert}`, host: '127.0.0.1' }, true],
    [{ query: `?ssl-mode=verify_ca` }, 'database.unavailable'],
    [{ tls: true }, 'database.unavailable'],
  ])('connects or refuses as its options say (%#)', async (options, outcome) => {
    expect(await outcomeOf(options)).toBe(outcome);
  });

  it('a call that is given up is stopped', async () => {
    const db = open({ query: '?ssl-mode=required', max: 1 });
    const asleep = `select id from information_schema.processlist where info like 'select sleep(60)%'`;
    const controller = new AbortController();
    const aborted = rejection(sleep(db, controller.signal));
    await expect.poll(() => ask(server.url, asleep)).toHaveLength(1);
    controller.abort(new Error('gone'));
    await aborted;
    await expect.poll(() => ask(server.url, asleep)).toEqual([]);
    await db.close();
  });
});
