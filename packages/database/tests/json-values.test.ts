import { createDatabase, defineEntity, nullable, typed } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { createTables } from '@ent/database/testing';
import { expect, it, onTestFinished } from 'vitest';

const documents = defineEntity({ name: 'documents', fields: { id: 'string', data: nullable(typed<unknown>('json')) } });

async function open() {
  const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
  onTestFinished(() => db.close());
  await createTables(db, documents);
  return db.repo(documents);
}

class Point {
  readonly x = 1;
  toJSON() {
    return { at: this.x };
  }
}

const inherited = Object.create({ hidden: 1 }, { own: { value: 2, enumerable: true } }) as object;
const sparse: unknown[] = [1];
sparse[2] = 3;
const VALUES: Readonly<Record<string, unknown>> = {
  plain: { a: [1, 'b', null, true, { c: { d: [] } }], empty: {} },
  'minus zero': [-0, { z: -0 }],
  'no number': [Number.NaN, Infinity],
  'undefined members': { a: undefined, b: [undefined, 1], c: () => 1, d: Symbol('s') },
  'a date': { at: new Date(0) },
  toJSON: [new Point(), { toJSON: () => 'mine' }],
  'a class without it': new Map([[1, 2]]),
  'what it inherits': inherited,
  'no prototype': Object.assign(Object.create(null) as object, { a: 1 }),
  holes: sparse,
  'a boxed value': Object('text'),
  __proto__: JSON.parse('{"__proto__":{"a":1},"b":2}'),
  'lone surrogates': ['\ud800', { '\udfff': '\0' }],
  'numbers as names': { 2: 'b', 1: 'a', z: 0 },
  deep: Array.from({ length: 200 }).reduce((inner) => [inner], 'x'),
};

it.each(Object.entries(VALUES))('a json field keeps of a value what JSON keeps of it: %s', async (id, data) => {
  const repo = await open();
  const expected: unknown = JSON.parse(JSON.stringify(data));
  const { data: answered } = await repo.insert({ id, data });
  expect(answered).toEqual(expected);
  expect(JSON.stringify(answered)).toBe(JSON.stringify(data));
  expect(JSON.stringify((await repo.get(id))?.data)).toBe(JSON.stringify(data));
});

it('what is answered shares nothing with what was given', async () => {
  const repo = await open();
  const data = { list: [{ a: 1 }] };
  const { data: answered } = await repo.insert({ id: 'a', data });
  data.list[0] = { a: 2 };
  expect(answered).toEqual({ list: [{ a: 1 }] });
});

it('what JSON cannot express is refused by its name', async () => {
  const repo = await open();
  const cycle: unknown[] = [];
  cycle.push({ cycle });
  for (const data of [cycle, 1n, [1n], () => 1, Symbol('s')]) {
    await expect(repo.insert({ id: 'a', data })).rejects.toMatchObject({
      code: 'database.invalid_value',
      issues: [{ pointer: '#/data', code: 'invalid_type' }],
    });
  }
});
