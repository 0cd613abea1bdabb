import { type Kysely, sql } from 'kysely';
import { type ColumnKind, type ColumnShape, kind, type TableShape, unionOf } from './shape.ts';

interface ColumnRow {
  readonly tableName: string;
  readonly tableType: string;
  readonly columnName: string;
  readonly dataType: string;
  readonly columnType: string;
  readonly nullable: string;
  readonly defaultTo: string | null;
  readonly extra: string;
  readonly isCounted: number | string;
  readonly precisionOf: number | null;
  readonly scaleOf: number | null;
  readonly digits: number | null;
  readonly isJson: number | string;
}

interface KeyRow {
  readonly tableName: string;
  readonly keyName: string;
  readonly columnName: string;
}

/** The tables and views of the database of a connection, on MySQL and MariaDB, or of another one. */
export async function mysqlTables(kysely: Kysely<unknown>, schema: string | undefined): Promise<TableShape[]> {
  const place = sql`coalesce(${schema ?? null}, database())`;
  const { rows } = await sql<ColumnRow>`
    select c.table_name as tableName, t.table_type as tableType, c.column_name as columnName, c.data_type as dataType,
      c.column_type as columnType, c.is_nullable as nullable, c.column_default as defaultTo, c.extra as extra,
      c.extra like '%auto_increment%' as isCounted, c.numeric_precision as precisionOf, c.numeric_scale as scaleOf,
      c.datetime_precision as digits,
      exists (select 1 from information_schema.check_constraints k where k.constraint_schema = c.table_schema
        and k.constraint_name = c.column_name and k.check_clause like '%json_valid(%') as isJson
    from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
    where c.table_schema = ${place} order by c.table_name, c.ordinal_position`.execute(kysely);
  const { rows: keys } = await sql<KeyRow>`
    select table_name as tableName, index_name as keyName, column_name as columnName
    from information_schema.statistics where table_schema = ${place} and non_unique = 0
    order by table_name, index_name <> 'PRIMARY', index_name, seq_in_index`.execute(kysely);
  return [...Map.groupBy(rows, ({ tableName }) => tableName)].map(([name, columns]): TableShape => {
    const own = Map.groupBy(
      keys.filter(({ tableName }) => tableName === name),
      ({ keyName }) => keyName,
    );
    const lists = [...own].map(([key, parts]) => ({ key, columns: parts.map(({ columnName }) => columnName) }));
    return {
      schema,
      name,
      isView: columns[0]?.tableType.includes('VIEW') === true,
      columns: columns.map(columnOf),
      primary: lists.find(({ key }) => key === 'PRIMARY')?.columns ?? [],
      unique: lists.filter(({ key }) => key !== 'PRIMARY').map((key) => key.columns),
    };
  });
}

function columnOf(row: ColumnRow): ColumnShape {
  // MariaDB writes "NULL" where there is no default.
  const hasDefault = row.defaultTo !== null && row.defaultTo !== 'NULL';
  return {
    name: row.columnName,
    native: row.columnType,
    nullable: row.nullable === 'YES',
    filled: hasDefault || Number(row.isCounted) === 1,
    counted: Number(row.isCounted) === 1,
    computed: /\b(?:virtual|stored|persistent) generated\b|\b(?:virtual|stored) *$/i.test(row.extra),
    ...kindOf(row),
  };
}

const KINDS: Readonly<Record<string, ColumnKind>> = {
  tinyint: kind('number', { type: 'int' }),
  smallint: kind('number', { type: 'int' }),
  mediumint: kind('number', { type: 'int' }),
  int: kind('number', { type: 'int' }),
  year: kind('number', { type: 'int' }),
  bigint: kind('number | bigint', { type: 'bigint' }),
  float: kind('number', { type: 'double' }),
  double: kind('number', { type: 'double' }),
  json: kind('unknown', { type: 'json' }, 'string'),
  date: kind('string', { type: 'string', as: 'date' }),
  char: kind('string', { type: 'string' }),
  varchar: kind('string', { type: 'string' }),
  set: kind('string', { type: 'string' }),
  uuid: kind('string', { type: 'string' }),
  tinytext: kind('string', { type: 'string' }),
  text: kind('string', { type: 'string' }),
  mediumtext: kind('string', { type: 'string' }),
  longtext: kind('string', { type: 'string' }),
  binary: kind('Uint8Array', { type: 'bytes' }),
  varbinary: kind('Uint8Array', { type: 'bytes' }),
  tinyblob: kind('Uint8Array', { type: 'bytes' }),
  blob: kind('Uint8Array', { type: 'bytes' }),
  mediumblob: kind('Uint8Array', { type: 'bytes' }),
  longblob: kind('Uint8Array', { type: 'bytes' }),
  time: kind('string'),
};

function kindOf({ dataType, columnType, precisionOf, scaleOf, digits, isJson }: ColumnRow): ColumnKind {
  // On MariaDB a JSON is a text with a check that has the name of its column.
  if (Number(isJson) === 1 && dataType === 'longtext') return KINDS['json'] as ColumnKind;
  if (columnType.startsWith('tinyint(1)')) return kind('number', { type: 'boolean' }, 'boolean | number');
  if (columnType === 'binary(16)') return kind('Uint8Array', { type: 'string', as: 'binary(16)' });
  if (dataType === 'decimal') {
    const as = `numeric(${Number(precisionOf)},${Number(scaleOf)})` as const;
    return kind('string', { type: 'decimal', as }, 'string | number');
  }
  if (dataType === 'enum') {
    const labels = [...columnType.matchAll(/'((?:[^']|'')*)'/g)].map(([, label = '']) => label.replaceAll("''", "'"));
    const narrow = unionOf(labels);
    return kind(narrow, { type: 'string', as: 'enum', narrow });
  }
  if (dataType === 'datetime' || dataType === 'timestamp') {
    const count = Number(digits);
    if (count > 3) return kind('Date | string', { type: 'string', as: 'timestamp' });
    return kind('Date | string', { type: 'date', ...(count === 0 && { as: 'datetime' }) });
  }
  return KINDS[dataType] ?? kind('unknown');
}
