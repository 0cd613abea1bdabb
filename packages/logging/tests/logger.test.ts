import { runInNewContext } from 'node:vm';
import { ValidationError } from '@ent/errors';
import { createLogger, getContext, isLogLevel, LOG_LEVELS, type LogLevel, withContext } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { describe, expect, it } from 'vitest';

function memoryLogger(options: { level?: LogLevel; redact?: string[]; fields?: Record<string, unknown> } = {}) {
  const logger = createLogger({ driver: memoryDriver(), ...options });
  return { logger, records: logger.driver.records };
}

describe('levels', () => {
  it.each(LOG_LEVELS.map((level, i) => [level, i] as const))('%s writes itself and what is more severe', (level, i) => {
    const { logger, records } = memoryLogger({ level });
    for (const each of LOG_LEVELS) logger[each](each);
    expect(records.map((record) => record.level)).toEqual(LOG_LEVELS.slice(i));
    expect(LOG_LEVELS.filter((each) => logger.isEnabled(each))).toEqual(LOG_LEVELS.slice(i));
  });

  it('is info by default', () => {
    expect(memoryLogger().logger.level).toBe('info');
  });

  it('changes while it runs, for all that share it', () => {
    const { logger, records } = memoryLogger();
    const child = logger.child({ a: 1 });
    child.debug('no');
    logger.setLevel('debug');
    child.debug('yes');
    child.setLevel('error');
    logger.warning('no');
    expect(records.map((record) => record.message)).toEqual(['yes']);
  });

  it('is a child’s own where it was given one, and then its children’s', () => {
    const { logger, records } = memoryLogger({ level: 'warning' });
    const verbose = logger.child({ logger: 'db' }, { level: 'debug' });
    verbose.child({}).debug('yes');
    logger.info('no');
    logger.setLevel('error');
    verbose.debug('still');
    expect(records.map((record) => record.message)).toEqual(['yes', 'still']);
  });

  it('refuses a level that does not exist and names those that do', () => {
    const { logger } = memoryLogger();
    const wrong = 'warn' as LogLevel;
    expect(isLogLevel(wrong)).toBe(false);
    for (const act of [() => logger.setLevel(wrong), () => memoryLogger({ level: wrong })]) {
      expect(act).toThrow(
        expect.objectContaining({
          code: 'logging.invalid_option',
          message: 'level must be one of debug, info, warning, error, critical; got "warn", which is "warning" here.',
        }),
      );
    }
    expect(() => logger.setLevel('fatal' as LogLevel)).toThrow('got "fatal", which is "critical" here.');
    expect(() => logger.setLevel('constructor' as LogLevel)).toThrow('got "constructor".');
    expect(logger.level).toBe('info');
    expect(logger.isEnabled(wrong)).toBe(false);
  });
});

describe('fields', () => {
  it('are those of the root, the context, the child and the call; the later wins', () => {
    const { logger, records } = memoryLogger({ fields: { a: 'root', b: 'root', c: 'root', d: 'root' } });
    const child = logger.child({ b: 'gone', c: 'child', d: 'child' }).child({ b: 'child' });
    withContext({ b: 'context', c: 'context', e: 'context' }, () => {
      child.info('x', { d: 'call', f: undefined });
      child.info('y');
      logger.info('z');
    });
    expect(records.map((record) => record.fields)).toEqual([
      { a: 'root', b: 'child', c: 'child', d: 'call', e: 'context' },
      { a: 'root', b: 'child', c: 'child', d: 'child', e: 'context' },
      { a: 'root', b: 'context', c: 'context', d: 'root', e: 'context' },
    ]);
  });

  it('are captured when they are given', () => {
    const { logger, records } = memoryLogger();
    const given = { id: 1 };
    const child = logger.child(given);
    given.id = 2;
    child.info('x');
    expect(records[0]?.fields).toEqual({ id: 1 });
  });

  it('of a child do not reach its parent or siblings', () => {
    const { logger, records } = memoryLogger();
    logger.child({ a: 1 });
    logger.child({ b: 2 }).info('x');
    logger.info('y');
    expect(records.map((record) => record.fields)).toEqual([{ b: 2 }, {}]);
  });

  it('can have more names than the table of names holds', () => {
    const { logger, records } = memoryLogger({ level: 'debug' });
    const child = logger.child({ kept: true });
    for (let i = 0; i < 5000; i++) child.info('x', { [`name-${i}`]: i, kept: i });
    for (const [i, record] of records.entries()) expect(record.fields).toEqual({ [`name-${i}`]: i, kept: i });
  });
});

describe('the context', () => {
  it('is that of the call, however much runs at the same time', async () => {
    const { logger, records } = memoryLogger();
    await Promise.all(
      Array.from({ length: 100 }, (_, id) =>
        withContext({ requestId: id }, async () => {
          for (let step = 0; step < 5; step++) {
            await new Promise((resolve) => setImmediate(resolve));
            logger.info('step', { expected: id });
          }
        }),
      ),
    );
    expect(records).toHaveLength(500);
    expect(records.filter(({ fields }) => fields['requestId'] !== fields['expected'])).toEqual([]);
    expect(getContext()).toBeUndefined();
  });

  it('nests, and gives back what the work gives', () => {
    const result = withContext({ a: 1, b: 1 }, () => withContext({ b: 2 }, () => ({ ...getContext() })));
    expect(result).toEqual({ a: 1, b: 2 });
  });
});

describe('errors', () => {
  const cause = new RangeError('inner');
  const outer = new Error('outer', { cause });

  it.each([
    ['as err', (log: ReturnType<typeof memoryLogger>['logger']) => log.error('failed', { err: outer })],
    ['as error', (log: ReturnType<typeof memoryLogger>['logger']) => log.error('failed', { error: outer })],
    ['in the place of the fields', (log: ReturnType<typeof memoryLogger>['logger']) => log.error('failed', outer)],
    ['in the place of the message', (log: ReturnType<typeof memoryLogger>['logger']) => log.error(outer)],
    ['of a child', (log: ReturnType<typeof memoryLogger>['logger']) => log.child({ err: outer }).error('failed')],
  ])('have type, message, stack and causes when they come %s', (_, act) => {
    const { logger, records } = memoryLogger();
    act(logger);
    expect(records[0]).toMatchObject({
      error: {
        type: 'Error',
        message: 'outer',
        stack_trace: outer.stack,
        cause: { type: 'RangeError', message: 'inner', stack_trace: cause.stack },
      },
    });
    expect(records[0]?.message).toBe(records[0]?.message === 'outer' ? 'outer' : 'failed');
  });

  it('keep the fields beside them', () => {
    const { logger, records } = memoryLogger();
    logger.error(new Error('a'), { orderId: 7 });
    expect(records[0]).toMatchObject({ message: 'a', error: { message: 'a' }, fields: { orderId: 7 } });
  });

  it('of @ent/errors say all that they know', () => {
    const { logger, records } = memoryLogger();
    const error = new ValidationError('no', { details: { field: 'x' }, cause: new Error('why') });
    logger.error('failed', { err: error });
    expect(records[0]?.error).toMatchObject({
      type: 'ValidationError',
      code: 'validation',
      status: 422,
      id: error.id,
      details: { field: 'x' },
      cause: { type: 'Error', message: 'why' },
    });
  });

  it('have the code of a system error, but not the row values that a database driver hangs on its errors', () => {
    const { logger, records } = memoryLogger();
    logger.error('failed', {
      err: Object.assign(new Error('duplicate'), { code: '23505', detail: 'Key (email)=(a@b.c)' }),
    });
    expect(records[0]?.error).toMatchObject({ code: '23505' });
    expect(JSON.stringify(records)).not.toContain('a@b.c');
  });

  it('are named after their class where they have no name of their own', () => {
    class QuotaError extends Error {}
    const { logger, records } = memoryLogger();
    logger.error('x', { err: new QuotaError('y') });
    expect(records[0]?.error?.type).toBe('QuotaError');
  });

  it('are errors in other fields, in lists, and from other realms too', () => {
    const { logger, records } = memoryLogger();
    const foreign: unknown = runInNewContext('new TypeError("from elsewhere")');
    logger.error('x', { reason: new Error('r'), all: [new Error('l')], err: foreign });
    expect(records[0]).toMatchObject({
      fields: { reason: { type: 'Error', message: 'r' }, all: [{ type: 'Error', message: 'l' }] },
      error: { type: 'TypeError', message: 'from elsewhere' },
    });
  });

  it('can be anything that was thrown', () => {
    const { logger, records } = memoryLogger();
    logger.error('x', { err: 'a text' });
    logger.error('x', { err: 42 });
    logger.error('x', { err: { nobody: 'knows' } });
    logger.error('x', { err: null });
    logger.error('x', { err: undefined });
    expect(records.map((record) => record.error)).toEqual([
      { type: 'string', message: 'a text' },
      { type: 'number', message: '42' },
      { type: 'Object', message: 'An object without a message, with the members nobody.' },
      undefined,
      undefined,
    ]);
  });

  it('that are their own cause, and aggregates of others, end', () => {
    const { logger, records } = memoryLogger();
    const loop = new Error('loop');
    loop.cause = loop;
    logger.error('x', { err: loop });
    logger.error('x', { err: new AggregateError([new Error('a'), 'b'], 'many') });
    expect(records[0]?.error).toMatchObject({ message: 'loop', cause: { message: '[listed above]' } });
    expect(records[1]?.error).toMatchObject({ message: 'many', errors: [{ message: 'a' }, { message: 'b' }] });
  });
});
