import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Cache, createCache } from '../cache.ts';
import type { CacheDriver, CacheFeatures, DriverCall } from '../driver.ts';
import type { CacheOptions } from '../options.ts';

/** What {@link testCacheDriver} needs. No test runner is imported: `it` is yours. */
export interface CacheDriverHarness {
  /** Declares a test: `it` of vitest, jest, mocha or node:test. */
  readonly it: (name: string, test: () => Promise<void>) => void;
  /** Decides which cases run, before any driver is made. */
  readonly features: CacheFeatures;
  /**
   * A new driver; with `shared`, all of them on one backend. Each test makes its own and closes it. A driver that was closed must
   * leave the data of a shared backend alone.
   */
  readonly createDriver: () => CacheDriver | Promise<CacheDriver>;
  /** More options for each cache, such as another serializer. Default: none. */
  readonly cacheOptions?: () => Partial<Omit<CacheOptions, 'driver'>>;
}

/** What a case is given. */
export interface CaseTools {
  readonly features: CacheFeatures;
  /** What the keys of this test's caches start with. */
  readonly prefix: string;
  /** A cache under that prefix; closed at its end. Two calls are two processes to a shared backend. */
  readonly cache: (options?: Partial<Omit<CacheOptions, 'driver'>>) => Promise<Cache>;
  /** A driver of its own; closed at the end of the test. */
  readonly driver: () => Promise<CacheDriver>;
}

/** A conformance case. */
export interface Case {
  readonly name: string;
  /** Runs where this is true. Default: everywhere. */
  readonly when?: (features: CacheFeatures) => boolean;
  readonly run: (tools: CaseTools) => Promise<void>;
}

/** Declares one test for each case that fits the features. */
export function declare(harness: CacheDriverHarness, cases: readonly Case[]): void {
  for (const { name, when, run } of cases) {
    if (when && !when(harness.features)) continue;
    harness.it(name, async () => {
      const open: { close(): Promise<void> }[] = [];
      const prefix = `conformance-${randomUUID()}`;
      const driver = async (): Promise<CacheDriver> => {
        const made = await harness.createDriver();
        open.push(made);
        assert.deepEqual(made.features, harness.features, 'the driver has the features that the harness names');
        return made;
      };
      try {
        await run({
          features: harness.features,
          prefix,
          driver,
          cache: async (options) =>
            createCache({ prefix, timeout: '10s', ...harness.cacheOptions?.(), ...options, driver: await driver() }),
        });
      } finally {
        await Promise.all(open.map((one) => one.close()));
      }
    });
  }
}

/** For calls of a driver itself. */
export const patient: DriverCall = { deadlineAt: Number.MAX_SAFE_INTEGER };

/** Waits until the condition holds; fails after 15 seconds. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await condition())) {
    assert.ok(performance.now() < end, `${what} within 15 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Asserts that the promise rejects with this code. */
export async function rejectsWith(code: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.equal((error as { code?: unknown }).code, code);
    return true;
  });
}

/** A promise that is settled from outside. */
export function gate<T = void>(): { readonly promise: Promise<T>; readonly open: (value: T) => void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { promise, open: resolve };
}

/** Keys that break naive encodings: separators, protocols, patterns, prototypes, lengths, Unicode. */
export const hostileKeys: readonly string[] = [
  ' ',
  'a b',
  'a\tb',
  'a\r\nset x 0 0 1\r\nx\r\n',
  '\r\n',
  '\0',
  'a\0b',
  '*',
  '?',
  '[a-z]',
  '\\',
  '\\*',
  '{a}',
  '}{',
  '{',
  ':',
  '::',
  '/',
  '//',
  '/:',
  '/:x',
  'a:b',
  'a/b:c',
  '%',
  '%2f',
  '%3a',
  '..',
  '../..',
  'constructor',
  '__proto__',
  'hasOwnProperty',
  'toString',
  'then',
  'null',
  'undefined',
  '0',
  '-1',
  'NaN',
  'é',
  'e\u0301',
  '😀',
  '👩‍👩‍👧‍👦',
  '\u2028',
  '\ufeff',
  '\uffff',
  'İ',
  'K',
  'k'.repeat(249),
  'k'.repeat(250),
  'k'.repeat(251),
  'k'.repeat(4_000),
  'ü'.repeat(130),
];

/** Plain data that a codec can get wrong, for the default serializer. */
export const plainValues: readonly unknown[] = [
  null,
  undefined,
  false,
  true,
  0,
  1,
  -1,
  1.5,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_VALUE,
  1e308,
  '',
  '0',
  'null',
  'undefined',
  '{"a":1}',
  'é😀\0\u2028',
  [],
  [null],
  [[[]]],
  {},
  { a: null, b: [1, { c: '' }] },
  { '': 1, constructor: 2, toString: 3 },
];
