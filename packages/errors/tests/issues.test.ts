import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { issuesFromZod } from '../src/index.ts';

function issuesOf(schema: z.ZodType, input: unknown): ReturnType<typeof issuesFromZod> {
  const parsed = schema.safeParse(input);
  if (parsed.success) throw new Error('expected the input to be rejected');
  return issuesFromZod(parsed.error, { in: 'body' });
}

describe('issuesFromZod()', () => {
  it('points at each fault', () => {
    const schema = z.object({ name: z.string().min(2), items: z.array(z.object({ price: z.number() })) });
    expect(issuesOf(schema, { name: 'a', items: [{ price: 1 }, { price: 'x' }] })).toEqual([
      { pointer: '#/name', in: 'body', code: 'too_small', detail: 'Too small: expected string to have >=2 characters' },
      {
        pointer: '#/items/1/price',
        in: 'body',
        code: 'invalid_type',
        detail: 'Invalid input: expected number, received string',
      },
    ]);
  });

  it('points at the whole input', () => {
    expect(issuesOf(z.string(), 7)).toMatchObject([{ pointer: '#' }]);
  });

  it('escapes as RFC 6901 asks for a pointer in a URI fragment', () => {
    // The examples of section 6, and half a surrogate pair.
    const keys = {
      'a/b': '#/a~1b',
      'c%d': '#/c%25d',
      'e^f': '#/e%5Ef',
      'g|h': '#/g%7Ch',
      'i\\j': '#/i%5Cj',
      'k"l': '#/k%22l',
    };
    const more = { ' ': '#/%20', 'm~n': '#/m~0n', '': '#/', '\uD800': '#/%EF%BF%BD' };
    for (const [key, pointer] of Object.entries({ ...keys, ...more })) {
      expect(issuesOf(z.object({ [key]: z.string() }), {})).toMatchObject([{ pointer }]);
    }
  });

  it('gives each unknown key an issue of its own', () => {
    expect(issuesOf(z.object({ a: z.strictObject({}) }), { a: { x: 1, y: 2 } })).toEqual([
      { pointer: '#/a/x', in: 'body', code: 'unrecognized_keys', detail: 'Unrecognized key' },
      { pointer: '#/a/y', in: 'body', code: 'unrecognized_keys', detail: 'Unrecognized key' },
    ]);
  });

  it('says what is wrong with the key of a record', () => {
    const [issue] = issuesOf(z.record(z.string().max(2), z.number()), { long: 1 });
    expect(issue).toMatchObject({ pointer: '#/long', code: 'invalid_key' });
    expect(issue?.detail).toContain('Too big');
  });

  it('puts the prefix before every path', () => {
    const parsed = z.object({ a: z.string() }).safeParse({});
    expect(issuesFromZod(parsed.error, { prefix: ['items', 3] })).toEqual([
      { pointer: '#/items/3/a', code: 'invalid_type', detail: 'Invalid input: expected string, received undefined' },
    ]);
  });

  it('never repeats the rejected value', () => {
    const schema = z.object({
      password: z.string().max(3),
      n: z.number(),
      e: z.enum(['a']),
      l: z.literal(1),
      u: z.union([z.boolean(), z.null()]),
    });
    const text = JSON.stringify(
      issuesOf(schema, { password: 'hunter2', n: 'hunter2', e: 'hunter2', l: 'hunter2', u: 'hunter2' }),
    );
    expect(text).not.toContain('hunter2');
  });

  it('reads the issues of Standard Schema', () => {
    expect(issuesFromZod({ issues: [{ message: 'Bad', path: ['a', { key: 0 }] }] })).toEqual([
      { pointer: '#/a/0', code: 'invalid', detail: 'Bad' },
    ]);
  });

  it('stops at a thousand', () => {
    const parsed = z.array(z.string()).safeParse(Array.from({ length: 20_000 }, () => 1));
    expect(issuesFromZod(parsed.error)).toHaveLength(1000);
  });
});
