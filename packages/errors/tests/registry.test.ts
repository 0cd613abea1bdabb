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

  it('defines nothing when one definition is wrong', () => {
    expect(() => defineErrors('registry_part', { good: { class: CacheError }, Bad: { class: CacheError } })).toThrow();
    expect(defineErrors('registry_part', { good: { class: CacheError } }).good('x').code).toBe('registry_part.good');
  });
});
