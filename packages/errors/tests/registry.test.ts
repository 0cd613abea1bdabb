import { describe, expect, it } from 'vitest';
import {
  CacheError,
  ConfigurationError,
  ConflictError,
  defineErrors,
  type EntError,
  NotFoundError,
} from '../src/index.ts';

describe('defineErrors()', () => {
  const errors = defineErrors('registry_test', {
    timeout: { class: CacheError, status: 504, title: 'Cache timed out', retryable: 'always', expose: true },
    plain: { class: NotFoundError },
  });

  it('makes a factory for each key, with the traits of the definition', () => {
    const cause = new Error('x');
    const error = errors.timeout('GET took longer than 500 ms.', { cause, details: { key: 'k' } });
    expect(error).toMatchObject({
      name: 'CacheError',
      code: 'registry_test.timeout',
      status: 504,
      title: 'Cache timed out',
      retryable: 'always',
      expose: true,
      details: { key: 'k' },
    });
    expect(error.cause).toBe(cause);
    expect(error).toBeInstanceOf(CacheError);
    expect(error).not.toBeInstanceOf(NotFoundError);
    expect(error.constructor).toBe(CacheError);
    expect(errors.timeout.code).toBe('registry_test.timeout');
  });

  it('takes what is left out from the class', () => {
    expect(errors.plain('x')).toMatchObject({
      code: 'registry_test.plain',
      status: 404,
      title: 'Not Found',
      expose: true,
    });
  });

  it('leaves the factory out of the stack', () => {
    const caller = (): EntError => errors.plain('x');
    expect(caller().stack?.split('\n')[1]).toContain('caller');
  });

  it('runs the constructor of an application class and keeps its name', () => {
    class PaymentError extends ConflictError {
      readonly made = true;
    }
    const payments = defineErrors('registry_payments', { declined: { class: PaymentError, title: 'Declined' } });
    const error = payments.declined('No money.');
    expect(error).toBeInstanceOf(PaymentError);
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ made: true, name: 'PaymentError', code: 'registry_payments.declined', status: 409 });
    expect(error.stack).toMatch(/^PaymentError: No money\./);
  });

  it('refuses a code that is already defined, also by the same definition', () => {
    const again = (): unknown => defineErrors('registry_test', { timeout: { class: CacheError } });
    expect(again).toThrow(ConfigurationError);
    expect(again).toThrow('"registry_test.timeout" is already defined');
  });

  it.each([
    ['Cache', 'timeout'],
    ['cache', 'timeOut'],
    ['cache.x', 'timeout'],
    ['', 'timeout'],
    ['cache', ''],
    ['cache', '__proto__x'],
  ])('refuses the malformed name %j.%j', (namespace, key) => {
    expect(() => defineErrors(namespace, { [key]: { class: CacheError } })).toThrow('is malformed');
  });

  it.each([200, 399, 600, 404.5])('refuses the status %d', (status) => {
    expect(() => defineErrors('registry_status', { x: { class: CacheError, status } })).toThrow('from 400 to 599');
  });

  it.each([
    [{ clas: NotFoundError }, 'has no option "clas" (did you mean class?)'],
    [{ class: NotFoundError, exposed: true }, 'has no option "exposed" (did you mean expose?)'],
    [{}, 'class must be EntError or a class that extends it'],
    [{ class: Error }, 'class must be EntError'],
    [{ class: NotFoundError, status: '404' }, 'from 400 to 599'],
    [{ class: NotFoundError, retryable: true }, 'retryable must be never, idempotent or always'],
    [{ class: NotFoundError, expose: 'no' }, 'expose must be true or false'],
    [{ class: NotFoundError, publicDetails: 'name' }, 'publicDetails must be a list'],
    [{ class: NotFoundError, title: 7 }, 'title must be a text'],
    [null, 'takes its options as an object; got null'],
  ])('refuses the definition %j', (spec, message) => {
    const define = (): unknown => defineErrors('registry_refused', { x: spec as never });
    expect(define).toThrow(ConfigurationError);
    expect(define).toThrow(message);
  });

  it('refuses a call without definitions', () => {
    expect(() => (defineErrors as unknown as () => void)()).toThrow(ConfigurationError);
    expect(() => defineErrors('registry_none', null as never)).toThrow(ConfigurationError);
    expect(() => defineErrors(undefined as never, { x: { class: CacheError } })).not.toThrow(TypeError);
  });

  it('takes undefined for what is left out', () => {
    const spec = { class: NotFoundError, status: undefined, title: undefined, publicDetails: undefined };
    expect(defineErrors('registry_undefined', { x: spec }).x('x')).toMatchObject({ status: 404, title: 'Not Found' });
  });

  it('defines nothing when one definition is wrong', () => {
    expect(() => defineErrors('registry_part', { good: { class: CacheError }, Bad: { class: CacheError } })).toThrow();
    expect(defineErrors('registry_part', { good: { class: CacheError } }).good('x').code).toBe('registry_part.good');
  });
});
