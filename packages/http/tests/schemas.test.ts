import { describe, expect, it, onTestFinished, vi } from 'vitest';
import * as mini from 'zod/mini';
import { z } from 'zod';
import { serve } from '../../middleware/tests/support/serve.ts';
import { createHandler, createListener, route } from '../src/index.ts';
import { compileParser } from '../src/internal/parser.ts';

type Sent = [status: number, body: unknown];

/** Sends bodies to a route with this schema, and gives what its handler got, or the issues. */
async function bodies(schema: z.ZodType<unknown>): Promise<(body: unknown) => Promise<Sent>> {
  const echo = route({
    method: 'POST',
    path: '/',
    body: schema,
    responses: { 200: z.unknown() },
    handler: (input) => input.body,
  });
  const { url } = await serve(createListener([echo]));
  return async (body) => {
    const headers = { 'content-type': 'application/json' };
    return outcome(await fetch(url, { method: 'POST', body: JSON.stringify(body), headers }));
  };
}

/** Sends queries to a route whose parameter `v` has this schema. */
async function queries(schema: z.ZodType<unknown>): Promise<(query: string) => Promise<Sent>> {
  const echo = route({
    method: 'GET',
    path: '/',
    query: z.object({ v: schema }),
    responses: { 200: z.unknown() },
    handler: ({ query: { v } }) => (typeof v === 'bigint' ? `${v}n` : v),
  });
  const { url } = await serve(createListener([echo]));
  return async (query) => outcome(await fetch(`${url}/?${query}`));
}

async function outcome(answer: Response): Promise<Sent> {
  const json = (await answer.json()) as { errors?: { pointer: string; code: string }[] };
  return [answer.status, answer.status === 422 ? json.errors?.map(({ pointer, code }) => `${pointer} ${code}`) : json];
}

describe('schemas with something asynchronous in them', () => {
  const later = async <T>(value: T): Promise<T> => value;

  it.each<[string, z.ZodType<unknown>, unknown, unknown]>([
    ['a transform', z.object({ a: z.string().transform(async (text) => `${text}!`) }), { a: 'x' }, { a: 'x!' }],
    [
      'a transform of a function that gives a promise',
      z.object({ a: z.string().transform((a) => later(a)) }),
      { a: 'x' },
      { a: 'x' },
    ],
    ['a refinement', z.object({ a: z.string().refine(async () => true) }), { a: 'x' }, { a: 'x' }],
    ['a superRefine', z.object({ a: z.string() }).superRefine(async () => {}), { a: 'x' }, { a: 'x' }],
    ['a check', z.object({ a: z.string().check(async () => {}) }), { a: 'x' }, { a: 'x' }],
    ['a preprocess', z.object({ a: z.preprocess(async (a) => a, z.string()) }), { a: 'x' }, { a: 'x' }],
    [
      'a codec',
      z.object({ a: z.codec(z.string(), z.number(), { decode: async (a) => Number(a), encode: async (a) => `${a}` }) }),
      { a: '1' },
      { a: 1 },
    ],
    [
      'one deep inside',
      z.array(z.record(z.string(), z.tuple([z.string().transform(later)]))),
      [{ k: ['x'] }],
      [{ k: ['x'] }],
    ],
    ['one behind a lazy', z.lazy(() => z.string().transform(later)), 'x', 'x'],
    ['a promise', z.object({ a: z.promise(z.string()) }), { a: 'x' }, { a: 'x' }],
    ['a transform of zod/mini', mini.pipe(mini.string(), mini.transform(later)) as never, 'x', 'x'],
  ])('work: %s', async (_name, schema, body, result) => {
    const send = await bodies(schema);
    for (let i = 0; i < 2; i++) expect(await send(body)).toEqual([200, result]);
  });

  it('refuse, with the place', async () => {
    const send = await bodies(z.object({ name: z.string().refine(async (name) => name !== 'taken') }));
    expect(await send({ name: 'free' })).toEqual([200, { name: 'free' }]);
    expect(await send({ name: 'taken' })).toEqual([422, ['#/name custom']]);
    expect(await send({ name: 1 })).toEqual([422, ['#/name invalid_type']]);
  });

  it('work in responses', async () => {
    const slow = route({
      method: 'GET',
      path: '/',
      responses: { 200: z.object({ name: z.string().transform(async (name) => name.toUpperCase()) }) },
      handler: () => ({ name: 'ada', secret: 1 }),
    });
    const { url } = await serve(createListener([slow]));
    for (let i = 0; i < 2; i++) expect(await outcome(await fetch(url))).toEqual([200, { name: 'ADA' }]);
  });

  it('that reject are a 500, and nothing that nobody hears', async () => {
    const unheard = vi.fn();
    process.on('unhandledRejection', unheard);
    onTestFinished(() => void process.off('unhandledRejection', unheard));
    const send = await bodies(
      z.object({
        name: z.string().refine(async () => {
          throw new Error('the database is away');
        }),
      }),
    );
    for (let i = 0; i < 2; i++) expect(await send({ name: 'a' })).toMatchObject([500, { code: 'internal' }]);
    await new Promise(setImmediate);
    expect(unheard).not.toHaveBeenCalled();
  });

  it('are called once for a request', async () => {
    const check = vi.fn(async () => true);
    await (await bodies(z.object({ name: z.string().refine(check) })))({ name: 'a' });
    expect(check).toHaveBeenCalledTimes(1);
  });
});

it.each<[string, z.ZodType]>([
  ['plain ones', z.object({ a: z.email(), b: z.array(z.int().min(1)).optional() })],
  ['ones with functions that are synchronous', z.object({ a: z.string().transform((a) => a) }).refine(() => true)],
  ['ones with a default', z.object({ a: z.string().default('x').catch('y') }).readonly()],
])('synchronous schemas are checked without a promise: %s', (_name, schema) => {
  for (const value of [{ a: 'a@example.com' }, {}, 7]) expect(compileParser(schema)(value)).not.toBeInstanceOf(Promise);
});

describe('text', () => {
  const refused: Sent = [422, ['#/v invalid_type']];

  it.each<[string, z.ZodType<unknown>]>([
    ['z.coerce.number().int()', z.coerce.number().int()],
    ['z.int()', z.int()],
    ['z.int32()', z.int32()],
  ])('is read as an integer in one form: %s', async (_name, schema) => {
    const send = await queries(schema);
    for (const text of ['0', '5', '-5', '1234567']) expect(await send(`v=${text}`)).toEqual([200, Number(text)]);
    for (const text of ['', '%205', '5%20', '%2B5', '05', '0x10', '1e1', '1.0', '5.', 'Infinity', 'null', '1_000', '٥'])
      expect([text, await send(`v=${text}`)]).toEqual([text, refused]);
    expect((await send('v=1&v=2'))[0]).toBe(422);
    expect((await send(''))[0]).toBe(422);
  });

  it.each<[string, z.ZodType<unknown>]>([
    ['z.coerce.number()', z.coerce.number()],
    ['z.number()', z.number()],
  ])('is read as a number in the forms of JSON: %s', async (_name, schema) => {
    const send = await queries(schema);
    for (const text of ['0', '-0.5', '1e3', '1.25E-2', '12'])
      expect(await send(`v=${text}`)).toEqual([200, Number(text)]);
    for (const text of ['', '.5', '+1', '0x10', '01', 'NaN', '1e999', '1,5', '--1'])
      expect([text, await send(`v=${text}`)]).toEqual([text, refused]);
  });

  it.each<[string, z.ZodType<unknown>]>([
    ['z.coerce.boolean()', z.coerce.boolean()],
    ['z.boolean()', z.boolean()],
  ])('is read as a boolean: %s', async (_name, schema) => {
    const send = await queries(schema);
    expect(await send('v=true')).toEqual([200, true]);
    expect(await send('v=false')).toEqual([200, false]);
    for (const text of ['', 'TRUE', '1', '0', 'yes', 'null']) expect(await send(`v=${text}`)).toEqual(refused);
  });

  it('is read as literals and numbers of an enum', async () => {
    const literal = await queries(z.literal([1, true, 'a', '2', 2]));
    for (const [text, value] of [
      ['1', 1],
      ['true', true],
      ['a', 'a'],
      ['2', '2'],
    ] as const)
      expect(await literal(`v=${text}`)).toEqual([200, value]);
    expect((await literal('v=3'))[0]).toBe(422);
    const level = await queries(z.enum({ Low: 1, High: 2 }));
    expect(await level('v=2')).toEqual([200, 2]);
    expect((await level('v=3'))[0]).toBe(422);
  });

  it('is read as bigints and dates', async () => {
    const bigint = await queries(z.coerce.bigint());
    expect(await bigint('v=-12345678901234567890')).toEqual([200, '-12345678901234567890n']);
    for (const text of ['', '0x10', '1.0', '+1']) expect((await bigint(`v=${text}`))[0]).toBe(422);
    const date = await queries(z.coerce.date());
    expect(await date('v=2024-02-29')).toEqual([200, '2024-02-29T00:00:00.000Z']);
    expect(await date('v=2024-02-29T12:00:00.5%2B01:00')).toEqual([200, '2024-02-29T11:00:00.500Z']);
    for (const text of ['', '1', '2024', '2023-02-29', '2023-02-29T00:00:00Z', '2024-01-01T00:00:00', 'Jan 1 2024'])
      expect([text, (await date(`v=${text}`))[0]]).toEqual([text, 422]);
  });

  it('is read in lists, unions and behind wrappers', async () => {
    const list = await queries(z.array(z.int()));
    expect(await list('v=1')).toEqual([200, [1]]);
    expect(await list('v=1&v=2')).toEqual([200, [1, 2]]);
    const union = await queries(z.union([z.int(), z.literal('all')]).default('all'));
    expect(await union('')).toEqual([200, 'all']);
    expect(await union('v=3')).toEqual([200, 3]);
    expect(await union('v=all')).toEqual([200, 'all']);
    const nullable = await queries(z.coerce.number().min(1).nullable().optional());
    expect(await nullable('v=1')).toEqual([200, 1]);
    expect((await nullable('v=null'))[0]).toBe(422);
    const prepared = await queries(z.preprocess((v) => (v === '' ? '7' : v), z.coerce.number()));
    expect(await prepared('v=')).toEqual([200, 7]);
  });

  it('is read in paths and headers too', async () => {
    const echo = route({
      method: 'GET',
      path: '/:n',
      params: z.object({ n: z.int() }),
      headers: z.object({ 'x-on': z.boolean() }),
      responses: { 200: z.unknown() },
      handler: ({ params, headers }) => [params.n, headers['x-on']],
    });
    const { url } = await serve(createListener([echo]));
    expect(await outcome(await fetch(`${url}/5`, { headers: { 'x-on': 'true' } }))).toEqual([200, [5, true]]);
    expect(await outcome(await fetch(`${url}/0x5`, { headers: { 'x-on': 'yes' } }))).toEqual([
      422,
      ['#/n invalid_type', '#/x-on invalid_type'],
    ]);
  });

  it('stays text for a string, whatever it coerces', async () => {
    const send = await queries(z.coerce.string());
    expect(await send('v=5')).toEqual([200, '5']);
    expect((await send('v=a&v=b'))[0]).toBe(422);
  });
});

describe('a body of JSON', () => {
  it.each<[z.ZodType<unknown>, unknown[], unknown[]]>([
    [z.coerce.number(), [5, -1.5], ['5', '', null, [], true]],
    [z.coerce.boolean(), [true, false], ['true', 'false', 0, null]],
    [z.coerce.string(), ['5'], [5, null, {}]],
  ])('has types of its own, which coercion does not change', async (schema, taken, refused) => {
    const send = await bodies(z.object({ v: schema }));
    for (const v of taken) expect(await send({ v })).toEqual([200, { v }]);
    for (const v of refused) expect([v, await send({ v })]).toEqual([v, [422, ['#/v invalid_type']]]);
  });

  it.each([z.date(), z.coerce.date()])('has dates as text', async (schema) => {
    const send = await bodies(z.object({ v: schema }));
    expect(await send({ v: '2024-02-29T00:00:00Z' })).toEqual([200, { v: '2024-02-29T00:00:00.000Z' }]);
    for (const v of ['2023-02-29T00:00:00Z', 0, null, 'soon']) expect((await send({ v }))[0]).toBe(422);
  });

  it.each([z.bigint(), z.coerce.bigint()])('has bigints as text', async (schema) => {
    const send = await bodies(z.object({ v: schema.transform(String) }));
    expect(await send({ v: '12345678901234567890' })).toEqual([200, { v: '12345678901234567890' }]);
    for (const v of [1, '0x1', true, '']) expect((await send({ v }))[0]).toBe(422);
  });
});

describe('what JSON does not have', () => {
  const refused = expect.objectContaining({ code: 'http.invalid_route' }) as Error;
  const answering = (schema: z.ZodType<unknown>) => () =>
    createHandler([route({ method: 'GET', path: '/', responses: { 200: schema }, handler: () => undefined as never })]);
  const taking = (schema: z.ZodType<unknown>) => () =>
    createHandler([
      route({ method: 'POST', path: '/', body: schema, responses: { 204: {} }, handler: () => undefined }),
    ]);
  const both: [string, z.ZodType<unknown>][] = [
    ['a map', z.map(z.string(), z.number())],
    ['a set', z.set(z.string())],
    ['a symbol', z.symbol()],
    ['a file', z.file()],
  ];
  interface Node {
    next?: Node | undefined;
    all: Set<string>;
  }
  const Recursive: z.ZodType<Node> = z.object({
    get next() {
      return Recursive.optional();
    },
    all: z.set(z.string()),
  });

  it.each<[string, z.ZodType<unknown>]>([
    ...both,
    ['a bigint', z.bigint()],
    ['a literal of a bigint', z.literal(1n)],
    ['NaN', z.nan()],
    [
      'a codec to a map',
      z.codec(z.string(), z.map(z.string(), z.string()), { decode: () => new Map(), encode: () => '' }),
    ],
  ])('in a response stops the start: %s', (_name, schema) => {
    for (const at of [
      schema,
      z.object({ a: z.array(schema.optional()) }),
      z.union([z.string(), schema]),
      z.lazy(() => schema),
    ])
      expect(answering(at)).toThrow(refused);
  });

  it('in a request stops the start', () => {
    for (const [, schema] of both) expect(taking(z.object({ a: schema.nullable() }))).toThrow(refused);
    expect(taking(Recursive)).toThrow(refused);
  });

  it('is told with its place', () => {
    expect(answering(z.object({ a: z.array(z.record(z.string(), z.bigint())) }))).toThrow('BigInt at /a/*/*');
    expect(answering(Recursive)).toThrow('Set at /all');
  });

  it('may be made into JSON', async () => {
    const list = route({
      method: 'GET',
      path: '/',
      responses: {
        200: z.object({
          m: z.map(z.string(), z.number()).transform((map) => Object.fromEntries(map)),
          b: z.bigint().transform(String),
          d: z.date(),
        }),
      },
      handler: () => ({ m: new Map([['a', 1]]), b: 5n, d: new Date(0) }),
    });
    const { url } = await serve(createListener([list]));
    expect(await outcome(await fetch(url))).toEqual([200, { m: { a: 1 }, b: '5', d: '1970-01-01T00:00:00.000Z' }]);
    expect(taking(z.object({ a: z.array(z.string()).transform((all) => new Set(all)) }))).not.toThrow();
    expect(
      taking(z.codec(z.array(z.string()), z.set(z.string()), { decode: (a) => new Set(a), encode: (a) => [...a] })),
    ).not.toThrow();
  });

  it.each<[string, z.ZodType<unknown>]>([
    ['z.unknown()', z.unknown()],
    ['a transform', z.unknown().transform((value) => value)],
    ['z.custom()', z.object({ a: z.custom() })],
    ['z.record(z.any())', z.record(z.string(), z.any())],
  ])('is a 500 where only the value shows it, and not an empty object: %s', async (_name, schema) => {
    for (const given of [new Map([['k', 1]]), new Set([1])]) {
      const { url } = await serve(
        createListener([
          route({ method: 'GET', path: '/', responses: { 200: schema }, handler: () => ({ a: given }) }),
        ]),
      );
      expect(await outcome(await fetch(url))).toMatchObject([500, { code: 'http.response_invalid' }]);
    }
  });
});
