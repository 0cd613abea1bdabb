import { z } from 'zod';

/** Numbers from 0 up to 1, without it. */
export type Random = () => number;

const below = (random: Random, count: number): number => Math.floor(random() * count);
const one = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;

const KEYS = ['a', 'b', 'c', 'kind', 'toString', 'constructor', 'length', '1', '0', 'a"b', "it's", 'é\n', '', 'toJSON'];

/** A value, and what is like it but wrong in some place; chosen for a schema. */
interface Sample {
  readonly schema: z.ZodType;
  value(random: Random): unknown;
}

const TEXTS = [
  '',
  'a',
  'ab',
  'abc',
  'é',
  '😀',
  '😀😀',
  '\ud800',
  'a\udc00b',
  '"',
  '\\',
  '\n',
  '\u2028',
  '\u007f',
  ' x ',
];
const NUMBERS = [0, -0, 1, -1, 1.5, 0.1, 1e21, 1e-7, 2 ** 31, 2 ** 53, -(2 ** 53), 5e-324, 1.7976931348623157e308];

const leaves: readonly ((random: Random) => Sample)[] = [
  () => ({ schema: z.string(), value: (random) => one(random, TEXTS) }),
  (random) => ({
    schema: z
      .string()
      .min(below(random, 3))
      .max(1 + below(random, 3)),
    value: (r) => one(r, TEXTS),
  }),
  (random) => ({ schema: z.string().length(below(random, 3)), value: (r) => one(r, TEXTS) }),
  () => ({ schema: z.string().regex(/^a+/g), value: (r) => one(r, TEXTS) }),
  () => ({ schema: z.uuid(), value: (r) => one(r, ['3f2504e0-4f89-41d3-9a0c-0305e82c3301', 'x']) }),
  () => ({ schema: z.email(), value: (r) => one(r, ['a@example.com', 'a']) }),
  () => ({ schema: z.iso.datetime(), value: (r) => one(r, ['2024-02-29T12:00:00Z', '2024']) }),
  () => ({ schema: z.number(), value: (r) => one(r, NUMBERS) }),
  () => ({ schema: z.int(), value: (r) => one(r, NUMBERS) }),
  () => ({ schema: z.int32().min(-1), value: (r) => one(r, NUMBERS) }),
  () => ({ schema: z.uint32(), value: (r) => one(r, NUMBERS) }),
  () => ({ schema: z.number().gt(0).lt(5).multipleOf(0.5), value: (r) => one(r, NUMBERS) }),
  () => ({ schema: z.boolean(), value: (r) => r() < 0.5 }),
  () => ({ schema: z.null(), value: () => null }),
  () => ({ schema: z.literal('a'), value: (r) => one(r, ['a', 'b']) }),
  () => ({ schema: z.literal([0, 'x', null, true]), value: (r) => one(r, [0, -0, 'x', null, true, false, '0']) }),
  () => ({ schema: z.enum(['a', 'b', '"']), value: (r) => one(r, ['a', '"', 'c']) }),
  () => ({ schema: z.enum(TEXTS as [string]), value: (r) => one(r, TEXTS) }),
  () => ({ schema: z.date(), value: (r) => new Date(one(r, [0, 1e12, Number.NaN])) }),
  // Only zod can do these.
  () => ({ schema: z.string().trim(), value: (r) => one(r, TEXTS) }),
  () => ({ schema: z.url(), value: (r) => one(r, ['https://example.com/', ' https://example.com/ ', 'x']) }),
  () => ({ schema: z.int().default(5), value: (r) => one(r, [1, undefined]) }),
  () => ({ schema: z.string().transform((text) => text.length), value: (r) => one(r, TEXTS) }),
];

/** A schema by chance, with values for it. */
export function sample(random: Random, depth = 3): Sample {
  if (depth === 0 || random() < 0.2) return one(random, leaves)(random);
  const inner = (): Sample => sample(random, depth - 1);
  switch (below(random, 9)) {
    case 0: {
      const { schema, value } = inner();
      const wrapped = one(random, [z.optional, z.nullable, z.nullish, z.readonly] as const)(schema);
      return { schema: wrapped, value: (r) => (r() < 0.3 ? one(r, [undefined, null]) : value(r)) };
    }
    case 1: {
      const { schema, value } = inner();
      const list = random() < 0.5 ? z.array(schema) : z.array(schema).min(1).max(2);
      return { schema: list, value: (r) => Array.from({ length: below(r, 4) }, () => value(r)) };
    }
    case 2:
    case 3: {
      const options = Array.from({ length: 1 + below(random, 3) }, inner);
      const schema = z.union(options.map((option) => option.schema) as [z.ZodType]);
      return { schema, value: (r) => one(r, options).value(r) };
    }
    case 4: {
      const kinds = ['x', 'y', 1, true, null].slice(0, 1 + below(random, 5));
      const options = kinds.map((kind) => {
        const { schema, value } = object(random, depth - 1);
        return { kind, schema: schema.safeExtend({ kind: z.literal(kind) }), value };
      });
      return {
        schema: z.discriminatedUnion('kind', options.map(({ schema }) => schema) as never),
        value: (r) => {
          const { kind, value } = one(r, options);
          return { ...(value(r) as object), kind: r() < 0.1 ? 'z' : kind };
        },
      };
    }
    default:
      return object(random, depth - 1);
  }
}

function object(random: Random, depth: number): Sample & { readonly schema: z.ZodObject } {
  const keys = [...new Set(Array.from({ length: below(random, 5) }, () => one(random, KEYS)))];
  const fields = keys.map((key) => [key, sample(random, depth)] as const);
  const shape = Object.fromEntries(
    fields.map(([key, { schema }]) => [key, random() < 0.3 ? schema.optional() : schema]),
  );
  return {
    schema: random() < 0.5 ? z.object(shape) : z.strictObject(shape),
    value: (r) => {
      const members = fields.filter(() => r() < 0.95).map(([key, { value }]): [string, unknown] => [key, value(r)]);
      if (r() < 0.1) members.push([one(r, KEYS), one(r, TEXTS)]);
      if (r() < 0.2) members.reverse();
      return Object.fromEntries(members);
    },
  };
}

class Instance {
  readonly a = 'a';
  get b(): number {
    return 1;
  }
}

/** What no JSON is, or only just. */
export const hostile: readonly unknown[] = [
  undefined,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -0,
  1n,
  Symbol('a'),
  () => 'a',
  'a\ud800',
  JSON.parse('{"__proto__":{"a":"x"},"a":"a"}'),
  JSON.parse('{"constructor":{"prototype":{}},"toString":"a","length":1}'),
  Object.assign(Object.create(null), { a: 'a', b: 1 }),
  Object.create({ a: 'a', b: 1, kind: 'x' }),
  new Instance(),
  {
    get a() {
      return 'a';
    },
  },
  {
    get a(): string {
      throw new RangeError('not now');
    },
  },
  { a: 'a', toJSON: () => 'other' },
  { a: undefined, b: undefined, c: undefined },
  { a: 'a', [Symbol('b')]: 1 },
  { a: new String('a'), b: new Number(1), c: new Boolean(true) },
  Object.defineProperty({ b: 1 }, 'a', { value: 'a', enumerable: false }),
  new Proxy({ a: 'a' }, {}),
  new Proxy({}, { get: (_target, key) => (typeof key === 'string' ? 'a' : undefined) }),
  // oxlint-disable-next-line eslint/no-sparse-arrays
  [, 'a', ,],
  Object.assign(['a', 'b'], { extra: 1, toJSON: () => 'other' }),
  new (class extends Array<unknown> {})('a', 'b'),
  new Date(0),
  new Date(Number.NaN),
  new (class extends Date {
    override toJSON(): string {
      return 'never';
    }
  })(0),
  Object.assign(new Date(0), { toJSON: () => undefined }),
  new Map([['a', 'a']]),
  new Set(['a']),
  new Uint8Array(2),
  /a/,
  [[[[]]]],
  { a: { a: { a: {} } } },
];
