import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type Case as CaseOf, declareCases } from '@ent/internal';
import { type Cache, createCache } from '../cache.ts';
import type { CacheDriver, CacheFeatures, DriverCall } from '../driver.ts';
import type { CacheOptions } from '../options.ts';
import type { CacheDriverHarness, TestRunner } from './harness.ts';

export { rejectsWith, until } from '@ent/internal';

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
export type Case = CaseOf<CacheFeatures, CaseTools>;

/** Declares one test for each case that fits the features. */
export function declare(runner: TestRunner, harness: CacheDriverHarness, cases: readonly Case[]): void {
  const { features } = harness;
  declareCases(runner, features, cases, async (run) => {
    const open: { close(): Promise<void> }[] = [];
    const prefix = `conformance-${randomUUID()}`;
    const driver = async (): Promise<CacheDriver> => {
      const made = await harness.createDriver();
      open.push(made);
      assert.deepEqual(made.features, features, 'the driver has the features that the harness names');
      return made;
    };
    const cache: CaseTools['cache'] = async (options) =>
      createCache({ prefix, timeout: '30s', ...harness.cacheOptions?.(), ...options, driver: await driver() });
    try {
      await run({ features, prefix, driver, cache });
    } finally {
      await Promise.all(open.map((one) => one.close()));
    }
  });
}

/** For calls of a driver itself. */
export const patient: DriverCall = { deadlineAt: Number.POSITIVE_INFINITY, signal: new AbortController().signal };

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

/** What databases answer and JSON lacks, and objects that look like the tags of it, for the default serializer. */
export const richValues: readonly unknown[] = [
  { at: new Date('2026-01-31T09:00:00.123Z'), until: new Date(-8.64e15) },
  [1n, -(2n ** 63n), 2n ** 80n],
  { raw: new Uint8Array([0, 255, 128]), none: new Uint8Array(0) },
  new Map<unknown, unknown>([
    ['a', new Map([[1n, new Date(0)]])],
    [1, null],
    ['__proto__', 'p'],
  ]),
  new Set<unknown>(['a', 1, new Date(1)]),
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  { row: { id: 7, name: 'Ada', born: new Date(0), tags: ['a'] } },
  [{ $date: 'text' }, { $$date: new Date(0) }, { $bigint: { $map: [1n] } }, { $: 1n }, { $date: 1n, b: 2 }],
  [1n, JSON.parse('{"__proto__":{"$set":[]}}'), { constructor: 1 }],
];
