import { columnOf, isName } from '../naming.ts';
import { camelCase, quoted, unused } from './names.ts';
import type { ColumnShape, TableShape } from './shape.ts';

const IDS: ReadonlySet<string> = new Set(['string', 'int', 'bigint', 'date']);

/** Words that a constant cannot be called. */
const RESERVED = (
  'arguments await break case catch class const continue debugger default delete do else enum eval export extends ' +
  'false finally for function if implements import in instanceof interface let new null package private protected ' +
  'public return static super switch this throw true try typeof undefined var void while with yield'
).split(' ');

/** What database the tables are of, where that makes a difference. */
export interface EntityRules {
  /** Whether the database tells of ids that it has made and not counted. */
  readonly tellsIds: boolean;
}

/** The entities over the tables, as TypeScript. What cannot be one is told in a comment in its place. */
export function entitiesText(tables: readonly TableShape[], rules: EntityRules): string {
  const helpers = new Set(['defineEntity']);
  const taken = new Set([...RESERVED, 'defineEntity', 'generated', 'nullable', 'stored', 'typed']);
  const parts = tables.filter(({ isView }) => !isView).map((table) => entityText(table, taken, helpers, rules));
  const imports = [...helpers].sort().join(', ');
  return `// Written by ent-db types --entities. Yours from here on: rename what you like, and leave out what you do not need.
import { ${imports} } from '@ent/database';

${parts.join('\n')}`;
}

function entityText(table: TableShape, taken: Set<string>, helpers: Set<string>, rules: EntityRules): string {
  const full = table.schema === undefined ? table.name : `${table.schema}.${table.name}`;
  const why = notAnEntity(table);
  if (why !== undefined) return `// No entity for ${full}: ${why}.\n`;
  const name = unused(camelCase(table.name), taken);
  const fields = fieldsOf(table.columns);
  const naming = namingOf(fields);
  const nameOf = (column: string): string => fields.get(column) as string;
  const id = idOf(table);
  const isTold = (key: readonly string[]): boolean => key !== id && key.every((column) => fields.has(column));
  const unique = table.unique.filter(isTold).map((key) => `[${key.map(nameOf).map(quoted).join(', ')}]`);
  const ids = id.map(nameOf).map(quoted);
  return [
    `export const ${name} = defineEntity({`,
    `  name: ${quoted(name)},`,
    `  table: ${quoted(full)},`,
    ...(naming === undefined ? [] : [`  naming: ${quoted(naming)},`]),
    '  fields: {',
    ...table.columns.map((column) => {
      const field = fields.get(column.name);
      if (field === undefined)
        return `    // ${column.name}: ${column.native || 'no type'}, for which there is no field`;
      return `    ${field}: ${fieldText(field, column, isGenerated(column, id, rules), naming, helpers)},`;
    }),
    '  },',
    `  id: ${ids.length === 1 ? ids[0] : `[${ids.join(', ')}]`},`,
    ...(unique.length > 0 ? [`  unique: [${unique.join(', ')}],`] : []),
    '});',
    '',
  ].join('\n');
}

/** The primary key, or else a key of columns that are never null. */
function idOf({ primary, unique, columns }: TableShape): readonly string[] {
  if (primary.length > 0) return primary;
  const isNullable = (name: string): boolean => columns.find((column) => column.name === name)?.nullable !== false;
  return unique.find((key) => !key.some(isNullable)) ?? [];
}

function notAnEntity(table: TableShape): string | undefined {
  const names = table.schema === undefined ? [table.name] : [table.schema, table.name];
  if (!names.every(isName)) return 'its name has characters that a table of an entity cannot have';
  const id = idOf(table);
  if (id.length === 0) return 'it has no key';
  for (const name of id) {
    const column = table.columns.find((each) => each.name === name);
    if (column?.field === undefined || !IDS.has(column.field.type) || !isName(name)) {
      return `its key has the column ${name}, of the type ${column?.native ?? 'unknown'}`;
    }
  }
  return undefined;
}

/** The field of each column that can have one. */
function fieldsOf(columns: readonly ColumnShape[]): Map<string, string> {
  const taken = new Set<string>();
  const fields = new Map<string, string>();
  for (const { name, field } of columns) {
    if (field !== undefined && isName(name)) fields.set(name, unused(camelCase(name), taken));
  }
  return fields;
}

type Naming = 'snake_case' | undefined;

/** The rule by which most columns are called as their fields are; without a difference that of databases. */
function namingOf(fields: ReadonlyMap<string, string>): Naming {
  const fits = (naming: Naming): number =>
    [...fields].filter(([column, field]) => columnBy(naming, field) === column).length;
  return fits(undefined) > fits('snake_case') ? undefined : 'snake_case';
}

function columnBy(naming: Naming, field: string): string {
  return columnOf(field, undefined, naming, (detail) => new Error(detail));
}

/** Of a composite key all parts are given. */
function isGenerated(column: ColumnShape, id: readonly string[], { tellsIds }: EntityRules): boolean {
  const { name, filled, computed, counted } = column;
  if (!filled && !computed) return false;
  if (!id.includes(name)) return true;
  return id.length === 1 && (tellsIds || counted === true);
}

function fieldText(name: string, column: ColumnShape, isMadeUp: boolean, naming: Naming, helpers: Set<string>): string {
  const { type, as, narrow } = column.field as NonNullable<ColumnShape['field']>;
  let text = quoted(type);
  const wrap = (helper: string, before = '', after = ''): void => {
    helpers.add(helper);
    text = `${helper}${before}(${text}${after})`;
  };
  if (narrow !== undefined) wrap('typed', `<${narrow}>`);
  if (column.nullable) wrap('nullable');
  if (isMadeUp) wrap('generated');
  const isCalledSo = columnBy(naming, name) === column.name;
  const storage = [
    ...(isCalledSo ? [] : [`column: ${quoted(column.name)}`]),
    ...(as === undefined ? [] : [`as: ${quoted(as)}`]),
  ];
  if (storage.length > 0) wrap('stored', '', `, { ${storage.join(', ')} }`);
  return text;
}
