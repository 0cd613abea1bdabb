import { describe, expect, it } from 'vitest';
import { EntError, InternalError, issuesFromZod, NotFoundError, toErrorRecord } from '../src/index.ts';
import { hostileValues } from './hostile.ts';

const names = Object.keys(hostileValues());

describe.each(names)('given %s', (name) => {
  const value = hostileValues()[name];

  it('from() answers an error whose every form is bounded JSON', () => {
    const error = EntError.from(value);
    expect(EntError.is(error)).toBe(true);
    expect(typeof error.id).toBe('string');
    for (const form of [error.toProblem(), error.toJSON(), error.toWire(), error.toLog()]) {
      const text = JSON.stringify(form);
      expect(text.length).toBeLessThan(600_000);
      expect(JSON.parse(text)).toBeTypeOf('object');
    }
    expect(error.toProblem().status).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(error).length).toBeLessThan(20_000);
  });

  it('from() does not show it to a client', () => {
    if (EntError.is(value)) return;
    expect(EntError.from(value).toProblem()).toEqual({
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      code: 'internal',
    });
  });

  it('as a cause, as details, as issues and as a message, it does no harm', () => {
    const error = new NotFoundError(value as never, { cause: value, details: { value }, issues: value as never });
    for (const form of [error, error.toWire(), error.toLog()]) expect(typeof JSON.stringify(form)).toBe('string');
  });

  it('fromWire(), fromProblem(), issuesFromZod() and toErrorRecord() take it', () => {
    for (const trust of [true, false]) {
      expect(EntError.is(EntError.fromProblem(value, { trust }))).toBe(true);
      expect(EntError.is(EntError.fromProblem({ code: value, detail: value, details: value, retryAfter: value }))).toBe(
        true,
      );
      expect(EntError.is(EntError.fromWire(value, { trust }))).toBe(true);
      expect(EntError.is(EntError.fromWire({ code: value, message: value, details: value, causes: [value] }))).toBe(
        true,
      );
    }
    expect(issuesFromZod(value)).toEqual([]);
    expect(issuesFromZod({ issues: value })).toBeInstanceOf(Array);
    expect(issuesFromZod({ issues: [value, { path: [value], message: value, code: value }] })).toHaveLength(2);
    expect(JSON.stringify(toErrorRecord(value)).length).toBeLessThan(600_000);
  });

  it('a mapper that throws it, or answers it, is passed over', () => {
    const original = new Error('m');
    const thrower = (): never => {
      throw value;
    };
    const error = EntError.from(original, [thrower, () => (EntError.is(value) ? undefined : value)]);
    expect(error).toBeInstanceOf(InternalError);
    expect(error.cause).toBe(original);
  });
});

describe('options of the wrong kind', () => {
  it.each([null, 0, 'x', true, Symbol('s')])('%s does no harm', (options) => {
    const error = new NotFoundError('x', options as never);
    expect(error.toProblem(options as never)).toEqual(error.toProblem());
    expect(EntError.from('x', options as never)).toBeInstanceOf(InternalError);
    expect(EntError.fromWire(error.toWire(), options as never).expose).toBe(false);
    expect(issuesFromZod({ issues: [{ path: ['a'] }] }, options as never)).toHaveLength(1);
  });

  it('from() can be handed to map() in JavaScript', () => {
    const from = EntError.from as unknown as (value: unknown, index: number) => EntError;
    expect([new NotFoundError('a'), new Error('b')].map(from).map(({ status }) => status)).toEqual([404, 500]);
  });
});

describe('from()', () => {
  it('answers one of ours as it is', () => {
    const error = new NotFoundError('x');
    expect(EntError.from(error, [() => new InternalError('never')])).toBe(error);
  });

  it('keeps the value as its cause, with a fixed message', () => {
    const error = EntError.from(new Error('SELECT secret'));
    expect(error.message).toBe('An unexpected error occurred.');
    expect(error.toLog().cause?.message).toBe('SELECT secret');
  });

  it('takes the first mapper that knows the value', () => {
    const mapped = EntError.from({ errno: 'ENOENT' }, [
      () => undefined,
      (value) => new NotFoundError('No such file.', { cause: value }),
      () => new InternalError('too late'),
    ]);
    expect(mapped).toBeInstanceOf(NotFoundError);
  });
});

describe('an object that only claims to be one of ours', () => {
  it.each([
    'an object created from the prototype',
    'an object that claims the brand',
    'a proxy of an EntError',
    'an Error with a branded prototype and nothing on it',
    'a NotFoundError whose forms throw when they are read',
  ])('%s is not', (name) => {
    const liar = hostileValues()[name];
    expect(EntError.is(liar)).toBe(false);
    expect(liar).not.toBeInstanceOf(EntError);
    expect(EntError.from(liar)).toBeInstanceOf(InternalError);
  });
});
