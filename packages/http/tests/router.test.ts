import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import type { Table } from '../src/internal/route-table.ts';
import { buildRouter, fastTable } from '../src/internal/router.ts';
import { SegmentTable } from '../src/internal/segment-table.ts';
import { type Method, route } from '../src/index.ts';

type Random = () => number;
const one = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const many = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: Math.floor(random() * (most + 1)) }, make);

const METHODS: readonly Method[] = ['GET', 'POST'];
// Some begin as others do, and some look like parts of an encoding.
const LITERALS = ['a', 'ab', 'abc', 'b', '25', '2F', 'a+b', 'a=b', '~', '@', 'toString', '__proto__', '..'];
const NAMES = ['id', 'name', '__proto__', 'constructor', 'x', 'y', 'z'];
const SEGMENTS =
  `%61 %61b a%2Bb a%2bb a%3Db %2F %2f %25 %2525 %2561 %7E %40 %00 ü %c3%bc %c3 %c0%af %zz % %2 %% a?b a#b ? .
%2e%2e * :id A`.split(/\s/);
const LONG = [
  'x'.repeat(512),
  'x'.repeat(513),
  '%2F'.repeat(512),
  '%2F'.repeat(513),
  'ü'.repeat(512),
  '%C3%BC'.repeat(513),
];
const RAW = [...LITERALS, ...SEGMENTS, ...LONG, '', ' '];

function patternOf(random: Random): string {
  const names = [...NAMES];
  const segments = many(random, 6, () => {
    if (random() < 0.6) return one(random, LITERALS);
    return `:${names.splice(Math.floor(random() * names.length), 1)[0] as string}`;
  });
  return `/${segments.join('/')}${random() < 0.2 && segments.length > 0 ? '/' : ''}`;
}

/** Of a pattern, with some of its segments changed; or of none. */
function pathOf(random: Random, patterns: readonly string[]): string {
  const segments = random() < 0.1 ? many(random, 7, () => '') : one(random, patterns).slice(1).split('/');
  const made = segments.map((segment) => (segment.startsWith(':') || random() < 0.15 ? one(random, RAW) : segment));
  if (random() < 0.1) made.splice(Math.floor(random() * made.length), 1);
  if (random() < 0.1) made.push(one(random, RAW));
  return `/${made.join('/')}${random() < 0.3 ? '/' : ''}${random() < 0.05 ? '?q=/a' : ''}`;
}

/** Puts the same routes into both tables, as far as one takes them. */
function tables(random: Random): { both: readonly Table<string>[]; patterns: string[] } {
  const both = [fastTable<string>(), new SegmentTable<string>()];
  const patterns = ['/'];
  const shapes = new Set<string>();
  for (const path of many(random, 30, () => patternOf(random))) {
    const method = one(random, METHODS);
    const shape = `${method} ${path.replace(/:[^/]+/g, ':').replace(/(.)\/$/, '$1')}`;
    if (shapes.has(shape)) continue;
    shapes.add(shape);
    patterns.push(path);
    for (const table of both) table.on(method, path, `${method} ${path}`);
  }
  return { both, patterns };
}

describe('the table that makes no code', () => {
  itInDepth('finds what find-my-way finds', { full: 5_000, ci: 300, of: 'tables' }, ({ count, seed }) => {
    const random = randomOf(seed);
    let found = 0;
    for (let round = 0; round < count; round++) {
      const { both, patterns } = tables(random);
      for (let look = 0; look < 100; look++) {
        const [method, path] = [one(random, METHODS), pathOf(random, patterns)];
        const [expected, is] = both.map((table) => {
          const match = table.find(method, path);
          return typeof match === 'object' ? { store: match.store, params: Object.entries(match.params) } : match;
        });
        if (typeof expected === 'object') found++;
        expect({ method, path, is }).toEqual({ method, path, is: expected });
      }
    }
    // Else it was agreed on nothing.
    expect(found).toBeGreaterThan(count * 20);
  });
});

it('finds nothing for what is no path', () => {
  const root = route({ method: 'GET', path: '/', responses: { 204: {} }, handler() {} });
  const router = buildRouter([{ route: root }]);
  expect(router.find('GET', '/')).toBeDefined();
  expect([router.find('GET', '*'), router.find('GET', 'a'), router.allowed('*')]).toEqual([undefined, undefined, []]);
});
