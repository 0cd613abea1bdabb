import { createLogger, type LogSink, REDACTED_NAMES, withContext } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { describe, expect, it } from 'vitest';
import { lineSink } from './fixtures/line-sink.ts';

function redacted(paths: string[], fields: Record<string, unknown>): unknown {
  const logger = createLogger({ driver: memoryDriver(), redact: paths });
  logger.info('x', fields);
  return logger.driver.records[0]?.fields;
}

describe('secrets', () => {
  it.each(REDACTED_NAMES)('named %s are never written, wherever they stand and however they are spelled', (name) => {
    const spellings = [name, name.toUpperCase(), name.replace(/[A-Z]/g, '_$&').toLowerCase()];
    spellings.push(name.replace(/[A-Z]/g, '-$&').toLowerCase());
    for (const spelling of spellings) {
      const logger = createLogger({ driver: memoryDriver(), fields: { [spelling]: 'hush' }, redact: ['unrelated'] });
      const secret = { [spelling]: 'hush' };
      withContext({ deep: secret }, () => {
        const child = logger.child(secret);
        child.info('x', {
          list: [secret],
          map: new Map([[spelling, 'hush']]),
          [`http.request.headers.${spelling}`]: 'hush',
        });
        child.info('x', secret);
        child.error('x', { err: Object.assign(new Error('x'), secret), cause: new Error('y', { cause: secret }) });
      });
      expect(logger.driver.records).toHaveLength(3);
      expect(JSON.stringify(logger.driver.records)).not.toContain('hush');
    }
  });

  it('do not hide what only sounds like them', () => {
    const fields = { tokens: 3, tokenizer: 'x', passwordless: true, cookies: 2, secretary: 'y' };
    expect(redacted([], fields)).toEqual(fields);
  });
});

describe('redact', () => {
  const user = { name: 'n', email: 'e', address: { street: 's', city: 'c' } };
  const R = '[redacted]';

  it.each([
    ['user', { user, email: 'e' }, { user: R, email: 'e' }],
    ['user.email', { user, email: 'e' }, { user: { ...user, email: R }, email: 'e' }],
    ['*.email', { user, email: 'e' }, { user: { ...user, email: R }, email: 'e' }],
    ['user.*', { user }, { user: { name: R, email: R, address: R } }],
    ['user.address.street', { user }, { user: { ...user, address: { street: R, city: 'c' } } }],
    ['*.*.street', { user }, { user: { ...user, address: { street: R, city: 'c' } } }],
    ['**.street', { user, street: 's' }, { user: { ...user, address: { street: R, city: 'c' } }, street: R }],
    ['users[*].email', { users: [user, { email: 'x' }] }, { users: [{ ...user, email: R }, { email: R }] }],
    ['users[1].email', { users: [{ email: 'a' }, { email: 'b' }] }, { users: [{ email: 'a' }, { email: R }] }],
    ['["user name"].email', { 'user name': user }, { 'user name': { ...user, email: R } }],
    ["user['e']", { user: { e: 1, f: 2 } }, { user: { e: R, f: 2 } }],
    [
      'http.request.body',
      { 'http.request.body': 'b', 'http.request': { body: 'b' } },
      { 'http.request.body': R, 'http.request': { body: R } },
    ],
    ['user.email.deep', { user }, { user }],
    ['user.toString', { user }, { user }],
  ])('%s', (path, fields, expected) => {
    expect(redacted([path], fields)).toEqual(expected);
  });

  it('takes several paths that overlap', () => {
    const fields = { a: { x: 1, y: { z: 2, w: 3 } }, b: { x: 1, y: { z: 2 } } };
    expect(redacted(['a.x', '*.y.z', 'a.y.w'], fields)).toEqual({
      a: { x: R, y: { z: R, w: R } },
      b: { x: 1, y: { z: R } },
    });
  });

  it.each([
    ['userId', 'user.id'],
    ['user.id', 'userId'],
  ])('hides %s, and not because of it %s, which has the same name in the line', (hidden, shown) => {
    const records: Record<string, unknown>[] = [];
    const sink: LogSink = {
      ...lineSink((line) => records.push(JSON.parse(line) as Record<string, unknown>)),
      format: 'ecs',
    };
    const logger = createLogger({ sinks: [sink], redact: [hidden] });
    logger.info('x', { [shown]: 'shown' });
    logger.info('x', { [hidden]: 'hush' });
    logger.info('x', { [shown]: 'shown' });
    expect(records.map((record) => record['user.id'])).toEqual(['shown', R, 'shown']);
  });

  it('applies to what toJSON gives', () => {
    expect(redacted(['user.email'], { user: { toJSON: () => user } })).toEqual({ user: { ...user, email: R } });
  });

  it.each(['', '.', 'a.', 'a..b', '.a', 'a[', 'a[b]', 'a b', '**', 'a.**', 'a.**.b', '**.a.b', '**.*'])(
    'refuses %j, which is no path',
    (path) => {
      expect(() => redacted([path], {})).toThrow(expect.objectContaining({ code: 'logging.invalid_option' }));
    },
  );
});
