import { defineEntity, nullable, stored, uuidv7 } from '@ent/database';
import { describe, expect, it } from 'vitest';
import { completeRow } from '../src/internal/writes.ts';

describe('uuidv7', () => {
  it('gives unique ids that sort by the order of their making, 20,000 in one millisecond included', () => {
    const now = Date.now();
    const ids = Array.from({ length: 20_000 }, () => uuidv7(now));
    expect(new Set(ids).size).toBe(20_000);
    expect([...ids].sort()).toEqual(ids);
  });

  it('holds its time, version and variant, also when the clock goes back', () => {
    const later = Date.now() + 60_000;
    const first = uuidv7(later);
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(first.replaceAll('-', '').slice(0, 12), 16)).toBe(later);
    expect(uuidv7(later - 50_000) > first).toBe(true);
  });
});

describe('the row of an insert', () => {
  const things = defineEntity({
    name: 'things',
    fields: {
      id: 'string',
      value: 'string',
      count: 'int',
      price: nullable('decimal'),
      tags: nullable('json'),
      born: nullable('date'),
      day: stored(nullable('string'), { as: 'date' }),
      made: 'date',
      changed: 'date',
      version: 'int',
    },
    createdAt: 'made',
    updatedAt: 'changed',
    version: 'version',
  });
  const whole = { id: 'a', value: 'x', count: 1, price: '1.50', tags: [1], born: new Date(5), day: '2024-03-10' };
  const now = new Date('2026-11-30T21:00:00.000Z');

  function outcomeOf(input: object): unknown {
    try {
      return completeRow(things, input, now);
    } catch (error) {
      return (error as { issues?: unknown }).issues;
    }
  }

  it('is the same for plain data, which is looked at by code made for it, and for any other', () => {
    const inputs: object[] = [
      whole,
      { ...whole, price: undefined, tags: null, born: null, day: null },
      { ...whole, made: new Date(1), changed: new Date(2), version: 7 },
      { value: '', count: -0, id: 'b' },
      { ...whole, id: '' },
      { ...whole, id: undefined, value: undefined },
      { ...whole, value: null },
      { ...whole, value: 'a\0' },
      { ...whole, value: '\ud800' },
      { ...whole, count: 1.5, price: 'much', day: '2024-02-30' },
      { ...whole, born: new Date(Number.NaN), tags: () => 1 },
      { ...whole, unknown: 1 },
      { ...whole, unknown: undefined },
    ];
    for (const input of inputs) {
      const other = Object.assign(Object.create(null) as object, input);
      // An id that is made up is another one each time.
      const [left, right] = [outcomeOf(input), outcomeOf(other)] as { id?: string }[];
      expect({ ...left, id: left?.id?.length }).toEqual({ ...right, id: right?.id?.length });
      expect(Object.keys(left as object)).toEqual(Object.keys(right as object));
    }
    expect(outcomeOf(whole)).toEqual({ ...whole, price: '1.5', made: now, changed: now, version: 1 });
    expect(outcomeOf({ ...whole, unknown: 1 })).toMatchObject([{ pointer: '#/unknown', code: 'unknown_field' }]);
  });

  it('shares nothing with what was given, and no field with another', () => {
    const row = completeRow(things, whole, now);
    expect(row['tags']).not.toBe(whole.tags);
    expect(row['born']).not.toBe(whole.born);
    expect(row['made']).not.toBe(row['changed']);
  });
});
