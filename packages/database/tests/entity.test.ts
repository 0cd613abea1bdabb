import { defineEntity, generated, nullable, stored, typed } from '@ent/database';
import { describe, expect, it } from 'vitest';

const columnsOf = (entity: { readonly fields: ReadonlyMap<string, { readonly column: string }> }): string[] =>
  [...entity.fields.values()].map(({ column }) => column);

/** Defines what the compiler would refuse. */
const define = (definition: unknown) => () => defineEntity(definition as never);

describe('the storage of an entity', () => {
  it('is called as the entity is, unless it says otherwise', () => {
    const plain = defineEntity({ name: 'orderItems', fields: { id: 'string', createdAt: 'date' } });
    expect([plain.table, columnsOf(plain), plain.id]).toEqual(['orderItems', ['id', 'createdAt'], ['id']]);
  });

  it('follows a rule for all names, but for those that are given', () => {
    const fields = {
      id: 'string',
      createdAt: 'date',
      userID: 'string',
      htmlURLPath: 'string',
      address2: 'string',
      line2Text: 'string',
      already_so: 'string',
      other: stored('string', { column: 'Some-Other' }),
    } as const;
    const ruled = defineEntity({ name: 'orderItems', naming: 'snake_case', fields });
    expect([ruled.table, ...columnsOf(ruled)]).toEqual([
      'order_items',
      'id',
      'created_at',
      'user_id',
      'html_url_path',
      'address2',
      'line2_text',
      'already_so',
      'Some-Other',
    ]);
    expect(defineEntity({ name: 'x', table: 'app.Users', naming: 'snake_case', fields }).table).toBe('app.Users');
  });

  it('keeps all that is said of a field, in whatever order', () => {
    const fields = {
      id: 'string',
      a: nullable(generated(stored(typed<'x'>('string'), { as: 'enum', column: 'col_a' }))),
      b: stored(stored(generated(nullable(typed<'x'>('string'))), { column: 'col_b' }), { as: 'enum' }),
    } as const;
    const entity = defineEntity({ name: 'x', fields });
    const expected = { type: 'string', nullable: true, generated: true, as: 'enum' };
    expect(entity.fields.get('a')).toEqual({ name: 'a', column: 'col_a', ...expected });
    expect(entity.fields.get('b')).toEqual({ name: 'b', column: 'col_b', ...expected });
    expect(entity.generated).toEqual(['a', 'b']);
  });

  it('has its tenant in each unique key', () => {
    const fields = { id: 'string', org: 'string', slug: 'string', code: 'int' } as const;
    const entity = defineEntity({ name: 'x', fields, tenant: 'org', unique: [['slug'], ['code', 'org']] });
    expect([entity.tenant, entity.id, entity.unique]).toEqual([
      'org',
      ['id'],
      [
        ['org', 'slug'],
        ['code', 'org'],
      ],
    ]);
  });

  it.each([
    ['a table with a quote', { table: 'a"b' }, 'table'],
    ['a table of three parts', { table: 'a.b.c' }, 'table'],
    ['an empty schema', { table: '.b' }, 'table'],
    ['a naming that there is not', { naming: 'camelCase' }, "naming must be 'snake_case'"],
    ['a column with a dot', { fields: { id: stored('string', { column: 'a.b' }) } }, 'column of field "id"'],
    ['a column that is a prototype', { fields: { id: stored('string', { column: '__proto__' }) } }, 'not "__proto__"'],
    ['a column that is empty', { fields: { id: stored('string', { column: '' }) } }, 'column of field "id"'],
    ['a column twice', { fields: { id: 'string', a: stored('int', { column: 'id' }) } }, 'the column "id"'],
    ['a column twice by the rule', { naming: 'snake_case', fields: { id: 'string', aB: 'int', a_b: 'int' } }, '"a_b"'],
    ['a storage of another type', { fields: { id: stored('int' as 'string', { as: 'uuid' }) } }, "'int', which cannot"],
    ['a storage that there is not', { fields: { id: stored('string', { as: 'varchar' as 'uuid' }) } }, "as 'varchar'"],
    [
      'digits that are none',
      { fields: { id: 'string', a: stored('decimal', { as: 'numeric(0,2)' }) } },
      'numeric(0,2)',
    ],
    ['an option of a field that there is not', { fields: { id: stored('string', { name: 'x' } as never) } }, '"name"'],
    ['no id', { fields: { key: 'string' } }, 'id "id" is no field'],
    ['an id that is no field', { id: 'key' }, 'id "key" is no field'],
    ['an id of nothing', { id: [] }, 'its id must be'],
    ['an id of the same twice', { id: ['id', 'id'] }, 'its id must be'],
    ['an id that may be null', { fields: { id: nullable('string') } }, 'not nullable'],
    ['a tenant that is no field', { tenant: 'org' }, 'its tenant "org" is no field'],
    ['a tenant that may be null', { tenant: 'a', fields: { id: 'string', a: nullable('string') } }, 'neither nullable'],
    ['a tenant that is generated', { tenant: 'a', fields: { id: 'string', a: generated('int') } }, 'nor generated'],
    ['a tenant that is a time', { tenant: 'a', fields: { id: 'string', a: 'date' } }, 'string, int, bigint'],
    ['a tenant that is the version', { tenant: 'a', version: 'a', fields: { id: 'string', a: 'int' } }, 'of its own'],
    ['an id without an order', { fields: { id: 'bytes' } }, 'must be of the type string, int, bigint, date'],
  ])('refuses %s', (_what, definition, message) => {
    const faulty = define({ name: 'x', fields: { id: 'string' }, ...definition });
    expect(faulty).toThrow(expect.objectContaining({ code: 'database.invalid_definition' }));
    expect(faulty).toThrow(message);
    expect(faulty).not.toThrow(/[^.]\.\.$/);
  });
});
