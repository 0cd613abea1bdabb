import { describe, expect, it } from 'vitest';
import {
  AuthorizationError,
  ConflictError,
  DatabaseError,
  defineErrors,
  EntError,
  InternalError,
  NotFoundError,
  RateLimitedError,
  toErrorRecord,
  ValidationError,
} from '../src/index.ts';

const errors = defineErrors('serial_test', {
  taken: {
    class: ConflictError,
    title: 'Name taken',
    publicDetails: ['name', 'missing'],
    type: 'https://example.com/taken',
  },
  hidden: { class: ConflictError, title: 'Hidden', expose: false, publicDetails: ['name'] },
});

describe('toProblem()', () => {
  it('shows message and issues of an exposed error', () => {
    const issues = [{ pointer: '#/email', in: 'body' as const, code: 'invalid_format', detail: 'Not an address' }];
    expect(new ValidationError('The body is not valid.', { issues }).toProblem({ instance: '/users' })).toStrictEqual({
      type: 'about:blank',
      title: 'Unprocessable Content',
      status: 422,
      detail: 'The body is not valid.',
      instance: '/users',
      code: 'validation',
      errors: issues,
    });
  });

  it('shows of the details only those that are listed as public', () => {
    const details = { name: 'ann', query: 'SELECT 1', password: 'hunter2' };
    const problem = errors.taken('Taken.', { details }).toProblem();
    expect(problem).toStrictEqual({
      type: 'https://example.com/taken',
      title: 'Name taken',
      status: 409,
      detail: 'Taken.',
      code: 'serial_test.taken',
      details: { name: 'ann' },
    });
    expect(new ConflictError('Taken.', { details }).toProblem()).not.toHaveProperty('details');
  });

  it('shows nothing that was written at run time when the error is not exposed', () => {
    const issues = [{ pointer: '#/x', code: 'c', detail: 'row value' }];
    for (const error of [
      new DatabaseError('row value', { details: { name: 'row value' }, issues, cause: new Error('row value') }),
      errors.hidden('row value', { details: { name: 'row value' }, issues }),
    ]) {
      expect(Object.keys(error.toProblem())).toEqual(['type', 'title', 'status', 'code']);
      expect(JSON.stringify(error)).not.toContain('row value');
    }
  });

  it('never shows stack, cause, id, headers or a member that somebody added', () => {
    const error = Object.assign(new NotFoundError('x', { cause: new Error('secret'), headers: { h: 'secret' } }), {
      sql: 'secret',
    });
    expect(JSON.stringify(error)).not.toMatch(/secret|stack/);
  });

  it('cannot be opened by assigning to the error', () => {
    const error = new DatabaseError('secret');
    expect(() => Object.assign(error, JSON.parse('{"expose":true}'))).toThrow(TypeError);
    expect(JSON.stringify(error)).not.toContain('secret');
  });

  it('gives the wait in whole seconds, rounded up', () => {
    expect(new RateLimitedError('Slow down.', { retryAfterMs: 1001 }).toProblem().retryAfter).toBe(2);
    expect(new RateLimitedError('Slow down.', { retryAfterMs: Number.NaN }).toProblem()).not.toHaveProperty(
      'retryAfter',
    );
  });

  it('lists at most a hundred issues', () => {
    const issues = Array.from({ length: 5000 }, (_, i) => ({ pointer: `#/${i}`, code: 'c', detail: 'd' }));
    expect(new ValidationError('x', { issues }).toProblem().errors).toHaveLength(100);
  });

  it('honours toJSON, so that a secret in public details prints as it wants to', () => {
    const details = { name: { toJSON: () => '***', value: 'hunter2' } };
    expect(errors.taken('x', { details }).toProblem().details).toEqual({ name: '***' });
  });
});

describe('the wire form', () => {
  const original = errors.taken('The name ann is taken.', {
    details: { name: 'ann', tries: 3 },
    cause: new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'E1' }) }),
    retryAfterMs: 50,
    issues: [{ pointer: '#/name', in: 'body', code: 'taken', detail: 'Taken' }],
  });
  const wire = JSON.parse(JSON.stringify(original.toWire())) as object;

  it('carries code, message, id, details, issues and causes, without stacks', () => {
    const read = EntError.fromWire(wire);
    expect(read).toBeInstanceOf(ConflictError);
    expect(read).toMatchObject({
      code: 'serial_test.taken',
      status: 409,
      title: 'Name taken',
      message: 'The name ann is taken.',
      id: original.id,
      details: { name: 'ann', tries: 3 },
      retryAfterMs: 50,
      issues: original.issues,
    });
    expect(read.cause).toMatchObject({ name: 'Error', message: 'outer', cause: { message: 'inner', code: 'E1' } });
    expect(JSON.stringify(wire)).not.toContain('.test.ts');
  });

  it('keeps the code of the peer as a detail only where it is unknown here', () => {
    expect(EntError.fromWire(wire).details).not.toHaveProperty('remoteCode');
  });

  it('ends a cycle of causes where it closes', () => {
    const outer = new Error('outer');
    outer.cause = new Error('inner', { cause: outer });
    expect(new NotFoundError('x', { cause: outer }).toWire().causes?.map(({ message }) => message)).toEqual([
      'outer',
      'inner',
    ]);
  });

  it('is not exposed, unless the peer is trusted', () => {
    expect(Object.keys(EntError.fromWire(wire).toProblem())).toEqual(['type', 'title', 'status', 'code', 'retryAfter']);
    expect(EntError.fromWire(wire, { trust: true }).toProblem()).toEqual(original.toProblem());
  });

  it.each([true, false])('never exposes what the local definition hides (trust: %s)', (trust) => {
    const forged = {
      ...errors.hidden('secret', { details: { name: 'secret' } }).toWire(),
      expose: true,
      publicDetails: ['name'],
      title: 'forged',
      status: 418,
    };
    const read = EntError.fromWire(forged, { trust });
    expect(read.toProblem()).toEqual({ type: 'about:blank', title: 'Hidden', status: 409, code: 'serial_test.hidden' });
  });

  it.each([true, false])('makes an InternalError of a code that is not defined here (trust: %s)', (trust) => {
    const read = EntError.fromWire({ ...wire, code: 'other.code', expose: true, status: 404 }, { trust });
    expect(read).toBeInstanceOf(InternalError);
    expect(read.details).toMatchObject({ remoteCode: 'other.code' });
    expect(read.toProblem()).toMatchObject({ status: 500, code: 'internal' });
    expect(read.toProblem()).not.toHaveProperty('detail');
  });

  it('does not let a peer reach the prototype', () => {
    const read = EntError.fromWire(
      JSON.parse('{"code":"not_found","details":{"__proto__":{"polluted":1},"constructor":1}}'),
    );
    expect((read.details as { polluted?: unknown }).polluted).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('survives a class whose constructor throws', () => {
    class Picky extends AuthorizationError {
      constructor(message: string) {
        if (message !== 'fine') throw new Error('picky');
        super(message);
      }
    }
    defineErrors('picky', { code: { class: Picky } });
    expect(EntError.fromWire({ code: 'picky.code', message: 'bad' })).toBeInstanceOf(InternalError);
    expect(EntError.fromWire({ code: 'picky.code', message: 'fine' })).toBeInstanceOf(Picky);
  });

  it('does not take an id that is no UUID', () => {
    expect(EntError.fromWire({ ...wire, id: '<script>' }).id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('errors that stand for several', () => {
  const suppressed = (error: unknown, hidden: unknown): Error =>
    Object.assign(new Error('An error was suppressed during disposal.'), {
      name: 'SuppressedError',
      error,
      suppressed: hidden,
    });

  async function disposed(): Promise<unknown> {
    try {
      await using resource = { [Symbol.asyncDispose]: () => Promise.reject(new Error('rollback failed')) };
      void resource;
      throw new Error('insert failed', { cause: new Error('disk full') });
    } catch (error) {
      return error;
    }
  }

  it('a SuppressedError shows both, in the log and on the wire', async () => {
    for (const error of [await disposed(), suppressed(new Error('rollback failed'), chain('insert failed'))]) {
      const parts = [
        { message: 'rollback failed' },
        { message: 'insert failed', cause: { message: 'disk full' } },
      ] as const;
      expect(toErrorRecord(error)).toMatchObject({ name: 'SuppressedError', errors: parts });
      const wire = new DatabaseError('x', { cause: error }).toWire();
      expect(wire.causes).toMatchObject([
        {
          name: 'SuppressedError',
          errors: [{ message: 'rollback failed' }, { message: 'insert failed', causes: [{ message: 'disk full' }] }],
        },
      ]);
      const read = EntError.fromWire(JSON.parse(JSON.stringify(wire)));
      expect(read.toLog().cause).toMatchObject({ name: 'SuppressedError', errors: parts });
    }
  });

  function chain(message: string): Error {
    return new Error(message, { cause: new Error('disk full') });
  }

  it('the members of an AggregateError and their causes reach the log and the wire', () => {
    const all = new AggregateError([chain('a'), new AggregateError([chain('b')], 'inner')], 'all failed');
    const expected = {
      message: 'all failed',
      errors: [
        { message: 'a', cause: { message: 'disk full' } },
        { message: 'inner', errors: [{ message: 'b' }] },
      ],
    };
    expect(toErrorRecord(all)).toMatchObject(expected);
    const wire = JSON.parse(JSON.stringify(new DatabaseError('x', { cause: all }).toWire())) as object;
    expect(EntError.fromWire(wire).toLog().cause).toMatchObject(expected);
    expect(EntError.fromWire(wire).cause).toBeInstanceOf(AggregateError);
  });

  it('tells how many members it left out', () => {
    const members = Array.from({ length: 100 }, (_, i) => new Error(String(i)));
    const told = toErrorRecord(new AggregateError(members, 'all failed')).errors;
    expect(told).toHaveLength(9);
    expect(told?.at(-1)).toEqual({ name: 'Truncated', message: '92 more errors.' });
  });

  it('stays bounded, however many, deep and long they are', () => {
    const tree = (depth: number): Error => {
      const message = `node ${'x'.repeat(20_000)}`;
      if (depth === 0) return new Error(message);
      return new AggregateError(
        Array.from({ length: 10 }, () => tree(depth - 1)),
        message,
        { cause: tree(depth - 1) },
      );
    };
    const error = tree(3);
    expect(JSON.stringify(toErrorRecord(error)).length).toBeLessThan(200_000);
    expect(JSON.stringify(new DatabaseError('x', { cause: error }).toWire()).length).toBeLessThan(600_000);
  });
});

describe('a thrown object that is no error', () => {
  it.each([
    [
      { error: 'no such host', code: 7 },
      { message: 'no such host', code: '7' },
    ],
    [{ error: new Error('inner') }, { cause: { name: 'Error', message: 'inner' } }],
    [{ error: { message: 'inner', error: 'x' } }, { cause: { message: 'inner' } }],
    [{ reason: 'secret', status: 5 }, { message: 'An object without a message, with the members reason, status.' }],
    [{}, { message: '' }],
    [[], { name: 'Array', message: '' }],
  ])('%j', (value, expected) => {
    const record = toErrorRecord(value);
    expect(record).toMatchObject(expected);
    expect(JSON.stringify(record)).not.toContain('secret');
    const [cause] = new DatabaseError('x', { cause: value }).toWire().causes ?? [];
    if ('message' in expected) expect(cause?.message).toBe(expected.message);
  });

  it('that is in a chain is followed', () => {
    const error = new DatabaseError('x', { cause: { error: new Error('inner') } });
    expect(error.toWire().causes?.map(({ message }) => message)).toEqual([
      'An object without a message, with the members error.',
      'inner',
    ]);
  });

  it('has the name of its class', () => {
    class Timeout extends Error {}
    class Reply {}
    expect(toErrorRecord(new Timeout('x')).name).toBe('Timeout');
    expect(toErrorRecord(new Reply()).name).toBe('Reply');
  });
});

describe('toLog()', () => {
  it('holds everything, down the chain of causes', () => {
    const root = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
    const error = new DatabaseError('The query failed.', { cause: root, details: { table: 'users' }, retryAfterMs: 9 });
    expect(error.toLog()).toMatchObject({
      name: 'DatabaseError',
      message: 'The query failed.',
      code: 'database',
      status: 500,
      id: error.id,
      retryable: 'never',
      retryAfterMs: 9,
      details: { table: 'users' },
      cause: { name: 'Error', message: 'connection refused', code: 'ECONNREFUSED' },
    });
    expect(error.toLog().stack).toContain('serial.test');
    expect(error.toLog().cause?.stack).toContain('serial.test');
  });

  it('cuts details where they contain themselves, and shows what is in two places twice', () => {
    const shared = { a: 1 };
    const details: Record<string, unknown> = { one: shared, two: shared };
    details['self'] = details;
    expect(new NotFoundError('x', { details }).toLog().details).toEqual({
      one: { a: 1 },
      two: { a: 1 },
      self: '[circular]',
    });
  });

  it('keeps the frames of an error with a huge message', () => {
    const record = toErrorRecord(new Error('y'.repeat(1_000_000)));
    expect(record.stack).toContain('serial.test');
    expect(record.stack?.length).toBeLessThan(17_000);
  });

  it('cuts a chain after eight causes and a cycle where it closes', () => {
    let chain = new Error('0');
    for (let i = 1; i < 20; i++) chain = new Error(String(i), { cause: chain });
    let depth = 0;
    for (let record = toErrorRecord(chain); record.cause !== undefined; record = record.cause) depth++;
    expect(depth).toBe(8);

    const own = new Error('own');
    own.cause = own;
    expect(toErrorRecord(own).cause).toEqual({ name: 'Error', message: '[listed above]' });
  });

  it('lists the parts of an AggregateError, and stays small however many there are', () => {
    const record = toErrorRecord(new AggregateError([new Error('a'), new NotFoundError('b')], 'both'));
    expect(record.errors).toMatchObject([{ message: 'a' }, { message: 'b', code: 'not_found' }]);

    const tree = (depth: number): Error =>
      depth === 0
        ? new Error('leaf')
        : new AggregateError(
            Array.from({ length: 8 }, () => tree(depth - 1)),
            'node',
          );
    expect(JSON.stringify(toErrorRecord(tree(4))).length).toBeLessThan(400_000);
  });
});
