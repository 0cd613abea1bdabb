import { type Kysely, sql } from 'kysely';
import { type ColumnKind, type ColumnShape, kind, type TableShape } from './shape.ts';

interface TableRow {
  readonly name: string;
  readonly type: string;
  readonly wr: number;
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly dflt_value: string | null;
  readonly pk: number;
  readonly hidden: number;
}

interface KeyRow {
  readonly name: string;
  readonly origin: string;
}

/** The tables and views of a file of SQLite. https://www.sqlite.org/pragma.html#pragma_table_list */
export async function sqliteTables(kysely: Kysely<unknown>): Promise<TableShape[]> {
  const { rows: tables } = await sql<TableRow>`
    select name, type, wr from pragma_table_list
    where schema = 'main' and type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\' order by name`.execute(
    kysely,
  );
  const shapes: TableShape[] = [];
  for (const { name, type, wr } of tables) {
    const { rows } = await sql<ColumnRow>`
      select name, type, "notnull", dflt_value, pk, hidden from pragma_table_xinfo(${name}) where hidden <> 1`.execute(
      kysely,
    );
    const keys = rows.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
    const [only, other] = keys;
    // Then it is another name of the row's own number, which SQLite counts.
    const counted = wr === 0 && other === undefined && only?.type.toUpperCase() === 'INTEGER' ? only.name : undefined;
    const large = type === 'table' ? await largeIn(kysely, name, rows) : NONE;
    shapes.push({
      schema: undefined,
      name,
      isView: type === 'view',
      columns: rows.map((row) => columnOf(row, counted, large.has(row.name))),
      primary: keys.map((row) => row.name),
      unique: await uniqueOf(kysely, name),
    });
  }
  return shapes;
}

const NONE: ReadonlySet<string> = new Set();

/** The columns of integers in which one is stored that a number would round. The type of a column does not tell. */
async function largeIn(
  kysely: Kysely<unknown>,
  table: string,
  rows: readonly ColumnRow[],
): Promise<ReadonlySet<string>> {
  const large = new Set<string>();
  for (const { name, type } of rows) {
    if (kindOf(type).field?.type !== 'int') continue;
    const column = sql.id(name);
    const { rows: found } = await sql`
      select 1 from ${sql.id(table)} where typeof(${column}) = 'integer'
        and (${column} > 9007199254740991 or ${column} < -9007199254740991) limit 1`.execute(kysely);
    if (found.length > 0) large.add(name);
  }
  return large;
}

async function uniqueOf(kysely: Kysely<unknown>, table: string): Promise<string[][]> {
  const { rows } = await sql<KeyRow>`
    select name, origin from pragma_index_list(${table}) where "unique" = 1 and origin <> 'pk' and partial = 0`.execute(
    kysely,
  );
  const keys: string[][] = [];
  for (const { name } of rows) {
    const { rows: parts } = await sql<{ name: string | null }>`
      select name from pragma_index_info(${name}) order by seqno`.execute(kysely);
    const columns = parts.flatMap((part) => part.name ?? []);
    // One of an expression has no name.
    if (columns.length === parts.length) keys.push(columns);
  }
  return keys;
}

function columnOf(row: ColumnRow, counted: string | undefined, isLarge: boolean): ColumnShape {
  const { name, type, notnull, dflt_value, pk, hidden } = row;
  return {
    name,
    native: type,
    nullable: notnull === 0 && pk === 0,
    filled: (dflt_value !== null && dflt_value.toUpperCase() !== 'NULL') || name === counted,
    computed: hidden === 2 || hidden === 3,
    ...kindOf(isLarge ? 'BIGINT' : type),
  };
}

/**
 * By what people call their types, since SQLite stores anything anywhere.
 * https://www.sqlite.org/datatype3.html#determination_of_column_affinity
 */
const KINDS: readonly (readonly [name: RegExp, kind: ColumnKind])[] = [
  [/^BOOL/, kind('number', { type: 'boolean' }, 'boolean | number')],
  [/^JSON/, kind('string', { type: 'json' })],
  [/^(?:DATETIME|TIMESTAMP)/, kind('string | number', { type: 'date', as: 'datetime' })],
  [/^DATE/, kind('string', { type: 'string', as: 'date' })],
  [/^UUID/, kind('string', { type: 'string', as: 'uuid' })],
  [/^BIGINT|^INT8/, kind('number | bigint', { type: 'bigint' })],
  [/INT/, kind('number', { type: 'int' })],
  [/CHAR|CLOB|TEXT/, kind('string', { type: 'string' })],
  [/BLOB/, kind('Uint8Array', { type: 'bytes' })],
  // SQLite makes floating-point numbers of decimals.
  [/REAL|FLOA|DOUB|^DEC|^NUM/, kind('number', { type: 'double' })],
];

function kindOf(type: string): ColumnKind {
  return KINDS.find(([name]) => name.test(type.toUpperCase()))?.[1] ?? kind('unknown');
}
