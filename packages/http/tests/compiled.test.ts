import { execFileSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compileInput, compileOutput } from '../src/internal/compiled/compile.ts';
import { INVALID } from '../src/internal/compiled/program.ts';
import { refuseUnsayable } from '../src/internal/json-only.ts';
import { strict } from '../src/internal/strict.ts';
import { hostile, sample } from './support/chance.ts';
import { bodySchemas, bodyValues, openSchemas, querySchemas, queryTexts } from './support/corpus.ts';

/** What a function gives, with the order of its fields; what it throws, it throws. */
function outcome(run: () => unknown): unknown {
  try {
    const value = run();
    return [value, orderOf(value)];
  } catch (error) {
    return `threw ${String(error)}`;
  }
}

function orderOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? [Reflect.ownKeys(value), Object.values(value).map(orderOf)] : 0;
}

function compare(compiled: () => unknown, zods: () => unknown): void {
  const [is, expected] = [outcome(compiled), outcome(zods)];
  // What is refused before it throws is handed to zod, which throws.
  if (isDeepStrictEqual(is, expected) || (typeof expected === 'string' && isDeepStrictEqual(is, [INVALID, 0]))) return;
  expect(is).toEqual(expected);
  expect.unreachable('differs in its prototype or the sign of a zero');
}

function byZod(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  return result.success ? result.data : INVALID;
}

/** Looks at a value on both ways; `undefined` for a schema that is not compiled. */
type Comparison = ((value: unknown) => void) | undefined;

function comparedInput(schema: z.ZodType, text = false): Comparison {
  const tight = strict(schema, text);
  const compiled = compileInput(tight, text);
  return (
    compiled &&
    ((value) =>
      compare(
        () => compiled(value),
        () => byZod(tight, value),
      ))
  );
}

function comparedOutput(schema: z.ZodType): Comparison {
  const compiled = isSayable(schema) ? compileOutput(schema) : undefined;
  const written = (data: unknown): unknown => (data === INVALID ? INVALID : JSON.stringify(data));
  return (
    compiled &&
    ((value) =>
      compare(
        () => compiled(value),
        () => written(byZod(schema, value)),
      ))
  );
}

function isSayable(schema: z.ZodType): boolean {
  try {
    refuseUnsayable(schema, 'output', 'it');
    return true;
  } catch {
    return false;
  }
}

describe('a compiled schema gives what zod gives', () => {
  for (const [name, schema, ...own] of [...bodySchemas, ...openSchemas]) {
    it(`for ${name}`, () => {
      const sides = [comparedInput(schema), comparedOutput(schema)];
      const inside = comparedOutput(z.object({ a: schema, b: z.array(schema) }));
      for (const value of [...own, ...bodyValues, ...hostile]) {
        for (const side of sides) side?.(value);
        inside?.({ a: value, b: [value, value] });
      }
    });
  }

  for (const [name, schema] of querySchemas) {
    it(`for a query of ${name}`, () => {
      const side = comparedInput(z.object({ v: schema }), true);
      for (const v of queryTexts) {
        side?.(Object.assign(Object.create(null), { v }));
        side?.({ v, w: v });
      }
      side?.({});
      side?.({ v: ['a', 'b'] });
    });
  }

  itInDepth('for schemas by chance', { full: 200_000, ci: 1000, of: 'schemas' }, ({ count, seed }) => {
    const random = randomOf(seed);
    let compiled = 0;
    for (let round = 0; round < count; round++) {
      const { schema, value } = sample(random);
      for (const side of [comparedInput(schema), comparedOutput(schema)]) {
        if (side === undefined) continue;
        compiled++;
        for (let i = 0; i < 10; i++) {
          side(random() < 0.8 ? value(random) : hostile[Math.floor(random() * hostile.length)]);
        }
      }
    }
    // Otherwise it would compare little.
    expect(compiled).toBeGreaterThan(count / 2);
  });
});

describe('a compiled schema', () => {
  const Order = z.strictObject({
    id: z.uuid(),
    at: z.iso.datetime(),
    note: z.string().max(200).optional(),
    lines: z.array(z.object({ sku: z.string().min(1), count: z.int().positive() })).min(1),
    state: z.enum(['open', 'paid']),
    total: z.number().nullable(),
    by: z.discriminatedUnion('kind', [z.object({ kind: z.literal('card') }), z.object({ kind: z.literal('cash') })]),
  });

  it('is there for what services send and take', () => {
    expect(compileInput(strict(Order), false)).toBeTypeOf('function');
    expect(compileOutput(Order)).toBeTypeOf('function');
  });

  it.each([
    ['transform', z.string().transform(String)],
    ['refine', z.string().refine(() => true)],
    ['refine of an object', z.object({}).refine(() => true)],
    ['default', z.object({ a: z.string().default('a') })],
    ['catch', z.string().catch('a')],
    ['pipe', z.string().pipe(z.string())],
    ['coercion', z.coerce.string()],
    ['a check with a condition', z.string().min(1, { when: () => false } as object)],
    ['a format of its own', z.stringFormat('odd', () => true)],
    ['recursion', z.lazy(() => z.string())],
    ['a field called __proto__', z.object({ ['__proto__']: z.string() })],
  ])('is not there for %s', (_name, schema) => {
    expect(compileInput(schema, false)).toBeUndefined();
    expect(compileOutput(schema)).toBeUndefined();
  });

  it('reads a value once', () => {
    let reads = 0;
    const value = {
      get a() {
        reads++;
        return 'a';
      },
    };
    expect(compileOutput(z.object({ a: z.string() }))?.(value)).toBe('{"a":"a"}');
    expect(reads).toBe(1);
  });

  it('is none where code must not be made of text, and an endpoint answers all the same', () => {
    // The router is another library's, and makes code of its own.
    const program = `
      import { createPipeline } from '@ent/middleware';
      import { z } from 'zod';
      import { compileOutput } from '../src/internal/compiled/compile.ts';
      import { compileEndpoint } from '../src/internal/endpoint.ts';
      import { ask } from './support/host.ts';
      const Note = z.object({ text: z.string().min(1) });
      const route = { method: 'POST', path: '/', body: Note, responses: { 200: Note }, handler: ({ body }) => body };
      const endpoint = compileEndpoint(route, { maxBodyBytes: 1000, maxBodyDepth: 8 });
      const answers = [];
      for (const text of ['a', '']) answers.push(await ask((exchange) => endpoint.answer(exchange, {}), 'POST', '/', { text }));
      const told = answers.map(({ status, body }) => [status, JSON.parse(body).errors ?? body]);
      console.log(JSON.stringify([typeof compileOutput(Note), ...told]));
    `;
    const run = (...flags: string[]): unknown[] => {
      const all = ['--conditions=@ent/source', ...flags, '--input-type=module', '--eval', program];
      const options = { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' } as const;
      return JSON.parse(execFileSync(process.execPath, all, options)) as unknown[];
    };
    const [kind, ...free] = run();
    const [forbidden, ...answers] = run('--disallow-code-generation-from-strings');
    expect([kind, forbidden]).toEqual(['function', 'undefined']);
    expect(answers).toMatchObject([
      [200, '{"text":"a"}'],
      [422, [{ pointer: '#/text' }]],
    ]);
    expect(answers).toEqual(free);
  });
});
