import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as errors from '../src/index.ts';
import { ConflictError, defineErrors, EntError, InternalError, NotFoundError, ValidationError } from '../src/index.ts';

const table = [
  ['ValidationError', 'validation', 422, 'never', true],
  ['BadRequestError', 'bad_request', 400, 'never', true],
  ['AuthenticationError', 'unauthenticated', 401, 'never', true],
  ['AuthorizationError', 'forbidden', 403, 'never', true],
  ['NotFoundError', 'not_found', 404, 'never', true],
  ['ConflictError', 'conflict', 409, 'never', true],
  ['PreconditionFailedError', 'precondition_failed', 412, 'never', true],
  ['RateLimitedError', 'rate_limited', 429, 'always', true],
  ['OverloadedError', 'overloaded', 503, 'always', false],
  ['TimeoutError', 'timeout', 503, 'idempotent', false],
  ['UnsupportedError', 'unsupported', 501, 'never', false],
  ['DatabaseError', 'database', 500, 'never', false],
  ['CacheError', 'cache', 503, 'idempotent', false],
  ['MessageQueueError', 'message_queue', 503, 'idempotent', false],
  ['ConfigurationError', 'configuration', 500, 'never', false],
  ['InternalError', 'internal', 500, 'never', false],
] as const;

describe('the domain classes', () => {
  it.each(table)('%s has code %s and status %i', (name, code, status, retryable, expose) => {
    const Class = errors[name];
    const error = new Class('What went wrong.');
    expect(error).toMatchObject({ name, code, status, retryable, expose, message: 'What went wrong.' });
    expect(error).toBeInstanceOf(Class);
    expect(error).toBeInstanceOf(EntError);
    expect(error).toBeInstanceOf(Error);
    expect(error.constructor).toBe(Class);
    expect(Class.name).toBe(name);
    expect(EntError.is(error)).toBe(true);
  });

  it('are disjoint', () => {
    for (const [name] of table) {
      const matches = table.filter(([other]) => new errors[name]('x') instanceof errors[other]);
      expect(matches.map(([other]) => other)).toEqual([name]);
    }
  });

  it('have titles that are the phrases of their status', async () => {
    const { STATUS_CODES } = await import('node:http');
    for (const [name, , status] of table) {
      const title = new errors[name]('x').title;
      // RFC 9110 renamed 422; Node still uses the name of RFC 4918.
      if (status !== 422) expect(title).toBe(STATUS_CODES[status]);
    }
  });
});

describe('an error', () => {
  it('keeps what it was given', () => {
    const cause = new Error('underneath');
    const issues = [{ pointer: '#/a', in: 'body' as const, code: 'too_small', detail: 'Too small' }];
    const error = new ConflictError('Taken.', {
      code: 'users.taken',
      cause,
      issues,
      details: { id: 7 },
      retryAfterMs: 1500,
      status: 423,
      headers: { allow: 'GET' },
    });
    expect(error).toMatchObject({ code: 'users.taken', status: 423, details: { id: 7 }, retryAfterMs: 1500, issues });
    expect(error.headers).toEqual({ allow: 'GET' });
    expect(error.cause).toBe(cause);
  });

  it('has no own members for what it was not given', () => {
    expect(Object.keys(new NotFoundError('x'))).toEqual(['code']);
    expect(Object.hasOwn(new NotFoundError('x', { cause: undefined }), 'cause')).toBe(false);
  });

  it.each([200, 399, 600, 404.5, Number.NaN, '500' as never])('ignores the status %s', (status) => {
    expect(new NotFoundError('x', { status }).status).toBe(404);
  });

  it.each([
    [400, 'Bad Request'],
    [413, 'Content Too Large'],
    [422, 'Unprocessable Content'],
    [499, 'Bad Request'],
    [599, 'Internal Server Error'],
  ])('has the title of the status %i that it was given', (status, title) => {
    const error = new ValidationError('x', { status });
    expect(error).toMatchObject({ status, title, code: 'validation' });
    expect(error.toProblem()).toMatchObject({ status, title, detail: 'x' });
    const defined = defineErrors(`title_${status}`, { own: { class: NotFoundError, title: 'Gone away' } });
    expect(defined.own('x', { status }).title).toBe('Gone away');
    expect(defineErrors(`titled_${status}`, { of: { class: NotFoundError, status } }).of('x').title).toBe(title);
  });

  it('that was made without a message says its title, and to a client nothing besides', () => {
    const make = NotFoundError as unknown as new (...args: unknown[]) => EntError;
    for (const args of [[], [undefined], [null, null], [{}], [Symbol('s')], [() => {}]]) {
      const error = new make(...args);
      expect(error.message).toBe('Not Found');
      expect(error.toProblem()).toEqual({ type: 'about:blank', title: 'Not Found', status: 404, code: 'not_found' });
    }
    expect(new make(undefined, { status: 410 }).message).toBe('Gone');
    const defined = defineErrors('untold', { sold_out: { class: ConflictError, title: 'Sold out' } });
    expect((defined.sold_out as unknown as () => EntError)().message).toBe('Sold out');
    expect(new make(7).message).toBe('7');
  });

  it('that was given another error for a message keeps it as the cause, and does not show it', () => {
    const inner = new Error('SELECT secret');
    const error = new NotFoundError(inner as never);
    expect(error.cause).toBe(inner);
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(new NotFoundError(inner as never, { cause: 'other' }).cause).toBe('other');
  });

  it.each(['', 'Not A Code', 'a..b', '<script>', 'x'.repeat(200), 7 as never])('ignores the code %s', (code) => {
    expect(new NotFoundError('x', { code }).code).toBe('not_found');
  });

  it('has a stack that begins where it was made', () => {
    const thrower = (): EntError => new NotFoundError('x');
    const lines = thrower().stack?.split('\n') ?? [];
    expect(lines[0]).toBe('NotFoundError: x');
    expect(lines[1]).toContain('thrower');
    expect(new EntError('x').stack?.split('\n')[1]).toContain('errors.test');
  });

  it('has one id, its own, also when it is frozen', () => {
    const error = Object.freeze(new NotFoundError('x'));
    expect(error.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(error.id).toBe(error.id);
    expect(error.id).not.toBe(new NotFoundError('x').id);
  });

  it('shows its code in console.log', () => {
    expect(inspect(new NotFoundError('x'))).toContain("code: 'not_found'");
  });

  it('takes a message of 10 MB and keeps a part of it', () => {
    const error = new ValidationError('a'.repeat(10_000_000));
    expect(error.message.length).toBeLessThan(66_000);
    expect(error.message).toContain('(10000000 characters)');
    expect(error.stack?.length).toBeLessThan(70_000);
  });

  it('does not end on half a character when it is cut', () => {
    const error = new ValidationError(`${'a'.repeat(65_535)}${'\u{1F600}'.repeat(10)}`);
    expect(error.message.isWellFormed()).toBe(true);
  });

  it('takes anything for a message', () => {
    const hostile = {
      toString() {
        throw new Error('no');
      },
    };
    for (const message of [undefined, null, 7, Symbol('s'), hostile, () => {}]) {
      expect(typeof new NotFoundError(message as never).message).toBe('string');
    }
  });
});

describe('a class of an application', () => {
  class PaymentError extends ConflictError {
    readonly amount: number;
    constructor(amount: number) {
      super('The payment was declined.', { code: 'payments.declined' });
      this.amount = amount;
    }
  }

  it('extends a domain class', () => {
    const error = new PaymentError(7);
    expect(error).toMatchObject({ code: 'payments.declined', status: 409, amount: 7 });
    expect(error).toBeInstanceOf(PaymentError);
    expect(error).toBeInstanceOf(ConflictError);
    expect(new ConflictError('x')).not.toBeInstanceOf(PaymentError);
    expect(new InternalError('x')).not.toBeInstanceOf(PaymentError);
    expect(error.stack?.split('\n')[1]).toContain('errors.test');
  });

  it('has the static functions of the base', () => {
    expect(PaymentError.is(new InternalError('x'))).toBe(true);
    expect(ConflictError.from('x')).toBeInstanceOf(InternalError);
  });
});
