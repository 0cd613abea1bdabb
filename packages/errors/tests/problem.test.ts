import { describe, expect, it } from 'vitest';
import {
  AuthenticationError,
  AuthorizationError,
  BadRequestError,
  ConflictError,
  defineErrors,
  EntError,
  InternalError,
  NotFoundError,
  PreconditionFailedError,
  RateLimitedError,
  ValidationError,
} from '../src/index.ts';

const errors = defineErrors('problem_test', { taken: { class: ConflictError, publicDetails: ['name'] } });

describe('EntError.fromProblem()', () => {
  it('makes an error of the class that the code is defined with here, with what was answered', () => {
    const issues = [{ pointer: '#/name', in: 'body' as const, code: 'too_small', detail: 'Too short' }];
    const original = errors.taken('Ann is taken.', { details: { name: 'ann' }, issues, retryAfterMs: 2000 });
    const read = EntError.fromProblem(JSON.parse(JSON.stringify(original)));
    expect(read).toBeInstanceOf(ConflictError);
    expect(read).toMatchObject({
      code: 'problem_test.taken',
      status: 409,
      message: 'Ann is taken.',
      details: { name: 'ann' },
      issues,
      retryAfterMs: 2000,
    });
  });

  it.each([
    [401, AuthenticationError],
    [403, AuthorizationError],
    [404, NotFoundError],
    [409, ConflictError],
    [412, PreconditionFailedError],
    [422, ValidationError],
    [429, RateLimitedError],
    [418, BadRequestError],
    [503, InternalError],
  ])('goes by the status %d where the code is not known', (status, Class) => {
    const read = EntError.fromProblem({ type: 'https://a.example/p', title: 'T', status, code: 'shop.no_such_lamp' });
    expect(read).toBeInstanceOf(Class);
    expect(read).toMatchObject({ status, code: 'shop.no_such_lamp', message: 'T' });
  });

  it('takes the status of the answer for that of the problem, which is only advice (RFC 9457, section 3.1.2)', () => {
    expect(EntError.fromProblem({ status: 404, title: 'T' }, { status: 409 })).toMatchObject({
      status: 409,
      code: 'conflict',
    });
  });

  it('shows a client nothing of it, unless it is trusted', () => {
    const problem = { title: 'T', status: 404, code: 'problem_test.taken', detail: 'Row 7 of users', expose: true };
    expect(EntError.fromProblem(problem).toProblem()).not.toHaveProperty('detail');
    expect(EntError.fromProblem(problem, { trust: true }).toProblem()).toMatchObject({ detail: 'Row 7 of users' });
  });

  it.each([undefined, null, 7, 'text', [], { status: 200, code: 'A B', errors: 7, details: [], retryAfter: 'x' }])(
    'takes %j',
    (value) => {
      const read = EntError.fromProblem(value);
      expect(read).toBeInstanceOf(InternalError);
      expect(read).toMatchObject({ status: 500, code: 'internal', message: 'A service answered with a problem.' });
    },
  );

  it('survives the constructor of a class that throws', () => {
    class Picky extends ConflictError {
      constructor() {
        super('never');
        throw new Error('picky');
      }
    }
    defineErrors('picky_problem', { code: { class: Picky } });
    expect(EntError.fromProblem({ code: 'picky_problem.code', status: 409 })).toBeInstanceOf(InternalError);
  });
});
