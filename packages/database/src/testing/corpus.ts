import type { DatabaseFeatures } from '../driver.ts';
import type { Filter, Sort } from '../query.ts';
import type { Thing } from './entities.ts';

/** Values at which databases are known to differ, and hostile ones. */
export const texts = [
  '',
  ' ',
  'a',
  'a ',
  'A',
  'á',
  'Á',
  'ä',
  'ab',
  'b',
  'B',
  'Zürich',
  'zürich',
  'ZÜRICH',
  'straße',
  'ñandú',
  'Ñandú',
  '10',
  '9',
  '%',
  '_',
  'a%b',
  'a_b',
  '\\',
  'a\\b',
  '*',
  '?',
  '[a]',
  '^a.*$',
  "'",
  '"',
  "'; drop table ent_things; --",
  '$ne',
  '{"$gt":""}',
  '\n',
  '\t',
  'line\r\nline',
  'null',
  '日本語',
  // By code point the first of these is smaller; by UTF-16 unit it is greater.
  '\ufffd',
  '😀',
  '😀😀',
  'e\u0301',
  'é',
  '\u200bzero width',
  '\ud7ff',
  '\u{10ffff}',
  'x'.repeat(3000),
] as const;

const ints = [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 42];
const bigs = [0n, 1n, -1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 53n - 1n, 2n ** 63n - 1n, -(2n ** 63n), 42n];
const prices = [
  '0',
  '1',
  '-1',
  '1.5',
  '10',
  '9',
  '0.1',
  '19.99',
  '-19.99',
  '12345678901234567890.123456789',
  '0.30000000000000004',
];
const ratios = [0, 1, -1, 0.1, 0.1 + 0.2, 1e308, -1e308, 5e-324, 1 / 3, 2 ** 53];
const times = [0, 1, -1, 999, 1000, 1_795_575_604_014, -62_135_596_800_000, 253_402_300_799_999].map(
  (ms) => new Date(ms),
);
const raws = ['', '00', '00ff', 'ff', '61'].map((hex) => new Uint8Array(Buffer.from(hex, 'hex')));
const datas: readonly unknown[] = [{ a: [1, null, { b: 'ü' }] }, [], {}, 'text', 0, true, { "it's": '"quoted"' }];

const LISTS = {
  text: texts,
  int: ints,
  big: bigs,
  price: prices,
  ratio: ratios,
  flag: [true, false],
  at: times,
  raw: raws,
} as const;
type ListedField = keyof typeof LISTS;
/** What decides which questions can be asked. */
type Comparable = Pick<DatabaseFeatures, 'decimalOrder'>;

/** Random, and the same in every run (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: () => number, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

/** Every value at least once, each field null now and then. */
export function corpusRows(): Thing[] {
  const random = randomOf(7);
  return Array.from({ length: 120 }, (_, index): Thing => {
    const maybe = <T>(list: readonly T[]): T | null => {
      if (index < list.length) return list[index] as T;
      return random() < 0.2 ? null : pick(random, list);
    };
    return {
      id: `t${String(index).padStart(3, '0')}`,
      text: maybe(texts),
      int: maybe(ints),
      big: maybe(bigs),
      price: maybe(prices),
      ratio: maybe(ratios),
      flag: maybe([true, false]),
      at: maybe(times),
      data: maybe(datas),
      raw: maybe(raws),
    };
  });
}

const EQUALITY = ['eq', 'ne', 'in', 'nin'];
const ORDER = ['gt', 'gte', 'lt', 'lte'];
const TEXT = ['startsWith', 'endsWith', 'contains'];

function orderable(field: ListedField, features: Comparable): boolean {
  return field !== 'raw' && (field !== 'price' || features.decimalOrder);
}

function condition(random: () => number, field: ListedField, features: Comparable): Record<string, unknown> {
  const list: readonly unknown[] = LISTS[field];
  const operators = [...EQUALITY, ...(orderable(field, features) ? ORDER : []), ...(field === 'text' ? TEXT : [])];
  const operator = pick(random, operators);
  const maybeNull = (): unknown => (random() < 0.15 ? null : pick(random, list));
  const foldable = field === 'text' && !ORDER.includes(operator);
  const more = foldable && random() < 0.4 ? { ignoreCase: true } : {};
  if (operator === 'in' || operator === 'nin') {
    return { [operator]: Array.from({ length: Math.floor(random() * 4) }, maybeNull), ...more };
  }
  if (operator === 'eq' || operator === 'ne') return { [operator]: maybeNull(), ...more };
  if (TEXT.includes(operator)) {
    const text = pick(random, texts);
    const part = Array.from(text).slice(0, 1 + Math.floor(random() * 2));
    return { [operator]: random() < 0.5 ? text : part.join(''), ...more };
  }
  return { [operator]: pick(random, list) };
}

/** One random filter; `depth` is how far it may nest. */
export function randomFilter(random: () => number, features: Comparable, depth: number): Filter<Thing> {
  const roll = random();
  const nested = (): Filter<Thing> => randomFilter(random, features, depth - 1);
  if (depth > 0 && roll < 0.2) return { $and: [nested(), nested()] };
  if (depth > 0 && roll < 0.4) return { $or: Array.from({ length: Math.floor(random() * 3) }, nested) };
  if (depth > 0 && roll < 0.55) return { $not: nested() };
  const filter: Record<string, unknown> = {};
  const fields = Object.keys(LISTS) as ListedField[];
  const count = 1 + Math.floor(random() * 2);
  for (let index = 0; index < count; index += 1) {
    const field = pick(random, fields);
    filter[field] = random() < 0.3 ? pick<unknown>(random, LISTS[field]) : condition(random, field, features);
  }
  if (random() < 0.15) filter['data'] = random() < 0.5 ? null : { ne: null };
  return filter;
}

/** Each operator of each field with each value, once. */
export function everyCondition(features: Comparable): Filter<Thing>[] {
  const filters: Filter<Thing>[] = [{}, { data: null }, { data: { ne: null } }];
  for (const field of Object.keys(LISTS) as ListedField[]) {
    const values: readonly unknown[] = LISTS[field];
    const operators = [...EQUALITY.slice(0, 2), ...(orderable(field, features) ? ORDER : [])];
    for (const operator of operators) for (const value of values) filters.push({ [field]: { [operator]: value } });
    for (const operator of ['in', 'nin']) {
      filters.push(
        { [field]: { [operator]: values.slice(0, 3) } },
        { [field]: { [operator]: [null, ...values.slice(0, 2)] } },
      );
      filters.push({ [field]: { [operator]: [] } }, { [field]: { [operator]: [null] } });
    }
  }
  for (const operator of [...TEXT, 'eq', 'ne']) {
    for (const text of texts)
      filters.push({ text: { [operator]: text } }, { text: { [operator]: text, ignoreCase: true } });
  }
  return filters;
}

/** Sorts by each field in both directions, and by pairs. */
export function everySort(features: Comparable): Sort<Thing>[] {
  const fields = (Object.keys(LISTS) as ListedField[]).filter((field) => orderable(field, features)) as Exclude<
    ListedField,
    'raw'
  >[];
  const directions = ['asc', 'desc'] as const;
  const single = fields.flatMap((field) => directions.map((direction): Sort<Thing> => [[field, direction]]));
  const pairs = directions.flatMap((direction): Sort<Thing>[] => [
    [
      ['flag', direction],
      ['text', 'asc'],
    ],
    [
      ['int', 'desc'],
      ['flag', direction],
    ],
    [
      ['flag', 'asc'],
      ['int', direction],
      ['id', 'desc'],
    ],
  ]);
  return [[], [['id', 'asc']], [['id', 'desc']], ...single, ...pairs];
}
