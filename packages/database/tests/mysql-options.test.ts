// What the options and URLs of MySQL come to, and which servers it takes, without one.
import { inspect } from 'node:util';
import { createDatabase } from '@ent/database';
import { mysql, type MysqlOptions } from '@ent/database/mysql';
import { openDatabase } from '@ent/database/open';
import { describe, expect, it } from 'vitest';
import { classify } from '../src/drivers/mysql/errors.ts';
import { settingsOf } from '../src/drivers/mysql/options.ts';
import { versionOf } from '../src/drivers/mysql/server.ts';
import { rejection } from './fixtures/people.ts';

const refusal = (options: unknown): string => {
  try {
    mysql(options as MysqlOptions);
  } catch (error) {
    expect((error as { code?: unknown }).code).toBe('database.invalid_definition');
    return (error as Error).message;
  }
  throw new Error('It was taken.');
};
const byUrl = (url: string) => settingsOf({ url });

describe('the URL of MySQL', () => {
  it.each(['mysql', 'mariadb'])('tells hosts, user, password and database, decoded (%s:)', (scheme) => {
    const settings = byUrl(`${scheme}://an%40n:p%2Fw@db1,db2:80,[::1]:3307/my%20app`);
    expect(settings.hosts).toEqual([
      { host: 'db1', port: 3306 },
      { host: 'db2', port: 80 },
      { host: '::1', port: 3307 },
    ]);
    expect(settings).toMatchObject({ user: 'an@n', password: 'p/w', database: 'my app', tls: undefined });
    expect([settings.namespace, settings.needsWrites]).toEqual(['my app', true]);
  });

  it('takes numbers and times', () => {
    const settings = byUrl(
      'mysql://h/db?max=20&min=2&idleTimeout=1m&acquireTimeout=2s&maxLifetime=1h&connectTimeout=3s&applicationName=api&targetSession=read-write',
    );
    expect(settings).toMatchObject({ max: 20, min: 2, idleTimeoutMs: 60_000, acquireTimeoutMs: 2000 });
    expect(settings).toMatchObject({ maxLifetimeMs: 3_600_000, connectTimeoutMs: 3000, applicationName: 'api' });
    expect([settings.needsWrites, byUrl('mysql://h/db').needsWrites]).toEqual([true, false]);
    expect(byUrl('mysql://a,b/db?targetSession=any').needsWrites).toBe(false);
  });

  it('names replicas, beside which the primary has to take writes', () => {
    const { replicas, maxReplicaLagMs, needsWrites } = byUrl(
      'mysql://a/db?replicas=b,c:3307,[::1]:80&maxReplicaLag=2s',
    );
    expect(replicas).toEqual([
      { host: 'b', port: 3306 },
      { host: 'c', port: 3307 },
      { host: '::1', port: 80 },
    ]);
    expect([maxReplicaLagMs, needsWrites]).toEqual([2000, true]);
  });

  it('means by ssl-mode what the programs of MySQL mean', () => {
    const tlsBy = (mode: string) => byUrl(`mysql://h/db?ssl-mode=${mode}`).tls;
    expect(tlsBy('DISABLED')).toBe(undefined);
    expect(tlsBy('REQUIRED')).toEqual({ rejectUnauthorized: false, verifyIdentity: false });
    expect(tlsBy('verify-ca')).toEqual({ verifyIdentity: false });
    expect(tlsBy('VERIFY_IDENTITY')).toEqual({ verifyIdentity: true });
  });

  it.each([
    ['mysql://h/db?ssl-mode=PREFERRED', /would fall back to plain text/],
    ['mysql://h/db?ssl-mode=no', /disabled, required, verify_ca or verify_identity/],
    ['mysql://h/db?ssl-ca=/etc/ca.pem', /need an ssl-mode/],
    ['mysql://h/db?ssl-mode=verify_ca&ssl-ca=/not/there.pem', /file of ssl-ca cannot be read/],
    ['mysql://127.0.0.1/db?ssl-mode=verify_identity', /which is an address here/],
    ['mysql://[::1]/db?ssl-mode=verify_identity', /which is an address here/],
    ['mysql://h/db?charset=latin1', /got "charset"/],
    ['mysql://h/db?max=many', /max must be a whole number/],
    ['mysql://h/db?connectTimeout=soon', /connectTimeout/],
    ['mysql://h/db?targetSession=primary', /'any' or 'read-write'/],
    ['mysql:///db', /host or port/],
    ['mysql://u:hunter2@h:x/db', /host or port/],
    ['postgres://h/db', /must begin with mysql/],
  ])('%s is refused', async (url, message) => {
    const told = refusal({ url });
    expect(told).toMatch(message);
    expect(told).not.toContain('hunter2');
    if (url.startsWith('mysql')) expect((await rejection(openDatabase(url))).message).toBe(told);
  });
});

describe('the options of MySQL', () => {
  it.each([
    [{ url: 'mysql://h/db', maximum: 5 }, /no option "maximum"/],
    [{ host: 'h', databse: 'x' }, /did you mean database/],
    [{ host: [] }, /needs a url or a host/],
    [{ host: '' }, /needs a url or a host/],
    [{}, /needs a url or a host/],
    [{ host: 'h', port: 0 }, /port must be a whole number from 1 on/],
    [{ url: 'mysql://h/db', max: 0 }, /max must be a whole number from 1 on/],
    [{ url: 'mysql://h/db', max: 2, min: 3 }, /min \(3\) is more than max \(2\)/],
    [{ url: 'mysql://h/db', idleTimeout: 'never' }, /idleTimeout/],
    [{ url: 'mysql://h/db', tls: 'yes' }, /tls must be/],
    // mysql2 would not call it.
    [{ url: 'mysql://h/db', tls: { checkServerIdentity: () => undefined } }, /no option "checkServerIdentity"/],
    [{ host: '10.0.0.1', tls: true }, /which is an address here/],
    [{ url: 'mysql://h/db?ssl-mode=required', tls: true }, /tls is given twice/],
    [{ url: 'mysql://h/db?max=5', max: 6 }, /max is given twice/],
    [{ url: 'mysql://h/db', targetSession: 'primary' }, /targetSession must be/],
    [{ url: 'mysql://h/db', replicas: 'h2' }, /replicas must be a list of hosts, such as \['db-2', 'db-3:3307'\]/],
    [{ url: 'mysql://h/db', replicas: ['h2'], maxReplicaLag: 'never' }, /maxReplicaLag/],
    [{ host: 'h', replicas: ['10.0.0.1'], tls: true }, /which is an address here/],
  ])('%j is refused', (options, message) => {
    expect(refusal(options)).toMatch(message);
  });

  it('keep the password out of what is shown', async () => {
    const db = createDatabase({ driver: mysql({ url: 'mysql://u:hunter2@localhost/db' }) });
    expect(JSON.stringify(db.driver)).not.toContain('hunter2');
    await db.close();
  });
});

describe('a server', () => {
  it.each([
    ['8.0.17', 'MySQL', '8.0.17'],
    ['8.4.5-log', 'MySQL', '8.4.5'],
    ['9.1.0', 'MySQL', '9.1.0'],
    ['10.6.0-MariaDB', 'MariaDB', '10.6.0'],
    ['10.11.19-MariaDB-0+deb12u1', 'MariaDB', '10.11.19'],
    ['5.5.5-11.4.2-MariaDB-log', 'MariaDB', '11.4.2'],
  ])('%s is taken', (told, product, version) => {
    expect(versionOf(told)).toEqual({ product, version });
  });

  it.each(['5.7.44', '8.0.16', '10.5.25-MariaDB', '5.5.5-10.3.2-MariaDB', 'what'])('%s is refused', (told) => {
    expect(() => versionOf(told)).toThrow(/or later is needed; the server is/);
  });
});

describe('an error of the server', () => {
  const failure = (errno: number, sqlState: string, product: 'MySQL' | 'MariaDB') => {
    const code = 'ER_WRONG_NAME_OF_MYSQL2';
    const error = Object.assign(new Error("'hunter2'"), {
      errno,
      sqlState,
      sqlMessage: "'hunter2'",
      code,
      sql: 'hunter2',
    });
    return classify(error, product);
  };

  it.each([
    [4025, '23000', 'MariaDB', 'check_violation'],
    [4025, 'HY000', 'MySQL', 'query_failed'],
    [3819, 'HY000', 'MySQL', 'check_violation'],
    [4031, 'HY000', 'MySQL', 'unavailable'],
    [4031, 'HY000', 'MariaDB', 'query_failed'],
    [1969, '70100', 'MariaDB', 'timeout'],
    [1969, 'HY000', 'MySQL', 'query_failed'],
    [3024, 'HY000', 'MySQL', 'timeout'],
    [3572, 'HY000', 'MySQL', 'lock_timeout'],
    [1205, 'HY000', 'MariaDB', 'lock_timeout'],
    [1213, '40001', 'MySQL', 'deadlock'],
    [1020, 'HY000', 'MariaDB', 'serialization_failure'],
    [1586, '23000', 'MySQL', 'unique_violation'],
    [1290, 'HY000', 'MySQL', 'read_only'],
    [1836, 'HY000', 'MySQL', 'read_only'],
    [1114, 'HY000', 'MariaDB', 'full'],
    [1461, '42000', 'MariaDB', 'unavailable'],
    [1927, '70100', 'MariaDB', 'unavailable'],
    [1146, '42S02', 'MySQL', 'query_failed'],
  ] as const)('%i (%s) of %s is %s', (errno, state, product, code) => {
    expect(failure(errno, state, product)?.code).toBe(code);
  });

  it('has no value in it', () => {
    for (const errno of [1062, 1366, 1406, 1264]) {
      const { cause } = failure(errno, '23000', 'MySQL') ?? {};
      expect(inspect(cause, { depth: null })).not.toContain('hunter2');
    }
  });

  it('of another kind is not ours to tell', () => {
    expect(classify(new Error('mine'), 'MySQL')).toBe(undefined);
  });
});
