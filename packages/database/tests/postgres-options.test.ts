// What the options and URLs of PostgreSQL come to, without a server.
import { createDatabase } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import { postgres, type PostgresOptions } from '@ent/database/postgres';
import { Pool } from 'pg';
import { describe, expect, it } from 'vitest';
import { settingsOf } from '../src/drivers/postgres/options.ts';
import { rejection } from './fixtures/people.ts';

const refusal = (options: unknown): string => {
  try {
    postgres(options as PostgresOptions);
  } catch (error) {
    expect((error as { code?: unknown }).code).toBe('database.invalid_definition');
    return (error as Error).message;
  }
  throw new Error('It was taken.');
};
const byUrl = (url: string) => settingsOf({ url });

describe('the URL of PostgreSQL', () => {
  it('tells hosts, user, password and database, decoded', () => {
    const { hosts, client, namespace } = byUrl('postgres://an%40n:p%2Fw@db1,db2:80,[::1]:5433/my%20app');
    expect(hosts).toEqual([
      { host: 'db1', port: 5432 },
      { host: 'db2', port: 80 },
      { host: '::1', port: 5433 },
    ]);
    expect(client).toEqual({ user: 'an@n', password: 'p/w', database: 'my app', ssl: false });
    expect(namespace).toBe('my app');
  });

  it('takes numbers and times, and the names of libpq', () => {
    const settings = byUrl(
      'postgresql://h/db?max=20&min=2&idleTimeout=1m&acquireTimeout=2s&maxLifetime=1h&connect_timeout=3&application_name=api&search_path=app,%20public&target_session_attrs=read-write',
    );
    expect(settings).toMatchObject({ max: 20, min: 2, idleTimeoutMs: 60_000, acquireTimeoutMs: 2000 });
    expect(settings).toMatchObject({ maxLifetimeMs: 3_600_000, connectTimeoutMs: 3000, searchPath: '"app","public"' });
    expect(settings).toMatchObject({ needsWrites: true, client: { application_name: 'api' } });
  });

  it('looks for a server that takes writes where there are several', () => {
    expect([byUrl('postgres://a,b/db').needsWrites, byUrl('postgres://a/db').needsWrites]).toEqual([true, false]);
    expect(byUrl('postgres://a,b/db?target_session_attrs=any').needsWrites).toBe(false);
  });

  it('names replicas, beside which the primary has to take writes', () => {
    const { replicas, maxReplicaLagMs, needsWrites } = byUrl(
      'postgres://a/db?replicas=b,c:5433,[::1]:80&maxReplicaLag=2s',
    );
    expect(replicas).toEqual([
      { host: 'b', port: 5432 },
      { host: 'c', port: 5433 },
      { host: '::1', port: 80 },
    ]);
    expect([maxReplicaLagMs, needsWrites]).toEqual([2000, true]);
  });

  it('means by sslmode what libpq means', () => {
    const tlsBy = (sslmode: string) => byUrl(`postgres://h/db?sslmode=${sslmode}`).client.ssl;
    expect(tlsBy('disable')).toBe(false);
    expect(tlsBy('require')).toEqual({ rejectUnauthorized: false });
    expect(tlsBy('verify-ca')).toEqual({ checkServerIdentity: expect.any(Function) as unknown });
    expect(tlsBy('verify-full')).toEqual({});
  });

  it.each([
    ['postgres://h/db?sslmode=prefer', /would fall back to plain text/],
    ['postgres://h/db?sslmode=allow', /would fall back to plain text/],
    ['postgres://h/db?sslmode=no', /disable, require, verify-ca or verify-full/],
    ['postgres://h/db?sslrootcert=/etc/ca.pem', /need an sslmode/],
    ['postgres://h/db?sslmode=verify-full&sslrootcert=/not/there.pem', /file of sslrootcert cannot be read/],
    ['postgres://h/db?pgbouncer=true', /got "pgbouncer"/],
    ['postgres://h/db?max=many', /max must be a whole number/],
    ['postgres://h/db?connect_timeout=soon', /connectTimeout/],
    ['postgres://h/db?target_session_attrs=primary', /'any' or 'read-write'/],
    ['postgres://h/db?replicas=postgres://h2/db', /replicas must be a list of hosts/],
    ['postgres://h/db?replicas=', /replicas must be a list of hosts/],
    ['postgres:///db', /host or port/],
    ['postgres://u:hunter2@h:x/db', /host or port/],
    ['mysql://h/db', /must begin with postgres/],
  ])('%s is refused', async (url, message) => {
    const told = refusal({ url });
    expect(told).toMatch(message);
    expect(told).not.toContain('hunter2');
    if (!url.startsWith('mysql')) expect((await rejection(openDatabase(url))).message).toBe(told);
  });
});

describe('the options of PostgreSQL', () => {
  it.each([
    [{ url: 'postgres://h/db', maximum: 5 }, /no option "maximum"/],
    [{ host: 'h', databse: 'x' }, /did you mean database/],
    [{ host: [] }, /needs a url, a host or a pool/],
    [{ host: '' }, /needs a url, a host or a pool/],
    [{}, /needs a url, a host or a pool/],
    [{ pool: {} }, /must be a Pool of pg/],
    [{ url: 'postgres://h/db', max: 0 }, /max must be a whole number from 1 on/],
    [{ url: 'postgres://h/db', max: 2, min: 3 }, /min \(3\) is more than max \(2\)/],
    [{ url: 'postgres://h/db', idleTimeout: 'never' }, /idleTimeout/],
    [{ url: 'postgres://h/db', tls: 'yes' }, /tls must be/],
    [{ url: 'postgres://h/db?sslmode=require', tls: true }, /tls is given twice/],
    [{ url: 'postgres://h/db?max=5', max: 6 }, /max is given twice/],
    [{ url: 'postgres://h/db', searchPath: [] }, /searchPath must be/],
    [{ url: 'postgres://h/db', prepare: 'no' }, /prepare must be/],
    [{ url: 'postgres://h/db', tenantSetting: 'tenant' }, /tenantSetting must be a name with a dot/],
    [{ url: 'postgres://h/db', targetSession: 'primary' }, /targetSession must be/],
    [{ url: 'postgres://h/db', replicas: 'h2' }, /replicas must be a list of hosts/],
    [{ url: 'postgres://h/db', replicas: ['h2:port'] }, /replicas must be a list of hosts/],
    [{ url: 'postgres://h/db', replicas: ['h2'], maxReplicaLag: 'never' }, /maxReplicaLag/],
  ])('%j is refused', (options, message) => {
    expect(refusal(options)).toMatch(message);
  });

  it('refuse options of connections beside a pool of yours, whose size counts', async () => {
    const pool = new Pool({ max: 3 });
    expect(refusal({ pool, max: 5 })).toMatch(/no option "max"/);
    await pool.end();
  });

  it('keep the password out of what is shown', async () => {
    const db = createDatabase({ driver: postgres({ url: 'postgres://u:hunter2@localhost/db' }) });
    expect(JSON.stringify(db.driver)).not.toContain('hunter2');
    await db.close();
  });
});
