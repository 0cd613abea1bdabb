import { type Kysely, sql } from 'kysely';
import { type ColumnKind, type ColumnShape, kind, type TableShape, unionOf } from './shape.ts';

interface ColumnRow {
  readonly schema: string;
  readonly table: string;
  readonly is_view: boolean;
  readonly is_current: boolean;
  readonly column: string;
  readonly type: string;
  readonly labels: readonly string[] | null;
  readonly nullable: boolean;
  readonly filled: boolean;
  readonly computed: boolean;
}

interface KeyRow {
  readonly schema: string;
  readonly table: string;
  readonly primary: boolean;
  readonly columns: readonly string[];
}

/** The tables and views of a schema of PostgreSQL, or of the one that names without a schema mean. */
export async function postgresTables(kysely: Kysely<unknown>, schema: string | undefined): Promise<TableShape[]> {
  const { rows } = await sql<ColumnRow>`
    select n.nspname as schema, c.relname as table, c.relkind in ('v', 'm') as is_view,
      n.nspname = current_schema() as is_current, a.attname as column,
      format_type(case t.typtype when 'd' then t.typbasetype else t.oid end,
        case t.typtype when 'd' then t.typtypmod else a.atttypmod end) as type,
      (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e
        where e.enumtypid = case t.typtype when 'd' then t.typbasetype else t.oid end) as labels,
      not (a.attnotnull or t.typnotnull) as nullable,
      a.attidentity <> '' or a.atthasdef or t.typdefault is not null as filled,
      a.attidentity = 'a' or a.attgenerated <> '' as computed
    from pg_attribute a
      join pg_class c on c.oid = a.attrelid
      join pg_namespace n on n.oid = c.relnamespace
      join pg_type t on t.oid = a.atttypid
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and a.attnum > 0 and not a.attisdropped
      and n.nspname = coalesce(${schema ?? null}::text, current_schema())
    order by c.relname, a.attnum`.execute(kysely);
  const { rows: keys } = await sql<KeyRow>`
    select n.nspname as schema, c.relname as table, i.indisprimary as primary,
      (select array_agg(a.attname::text order by k.n) from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality as k (attnum, n)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum) as columns
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
      and n.nspname = coalesce(${schema ?? null}::text, current_schema())
    order by i.indexrelid`.execute(kysely);
  return [...Map.groupBy(rows, ({ table }) => table)].map(([name, columns]): TableShape => {
    const own = keys.filter(({ table }) => table === name);
    const [first] = columns as [ColumnRow];
    return {
      schema: first.is_current ? undefined : first.schema,
      name,
      isView: first.is_view,
      columns: columns.map(columnOf),
      primary: own.find(({ primary }) => primary)?.columns ?? [],
      unique: own.filter(({ primary }) => !primary).map((key) => key.columns),
    };
  });
}

function columnOf({ column, type, labels, nullable, filled, computed }: ColumnRow): ColumnShape {
  return { name: column, native: type, nullable, filled, computed, ...kindOf(type, labels) };
}

const JSON_TEXT = 'string';
const KINDS: Readonly<Record<string, ColumnKind>> = {
  smallint: kind('number', { type: 'int' }),
  integer: kind('number', { type: 'int' }),
  bigint: kind('number | bigint', { type: 'bigint' }),
  real: kind('number', { type: 'double' }),
  'double precision': kind('number', { type: 'double' }),
  boolean: kind('boolean', { type: 'boolean' }),
  text: kind('string', { type: 'string' }),
  uuid: kind('string', { type: 'string', as: 'uuid' }),
  bytea: kind('Uint8Array', { type: 'bytes' }),
  json: kind('unknown', { type: 'json' }, JSON_TEXT),
  jsonb: kind('unknown', { type: 'json', as: 'jsonb' }, JSON_TEXT),
  date: kind('string', { type: 'string', as: 'date' }),
  numeric: kind('string', { type: 'decimal' }, 'string | number'),
};

/** Types that repositories have as lists, of their elements. */
const LISTS: readonly (readonly [
  elements: RegExp,
  as: 'text[]' | 'int[]' | 'double[]' | 'boolean[]',
  narrow: string,
])[] = [
  [/^(?:smallint|integer|bigint)$/, 'int[]', 'number[]'],
  [/^(?:real|double precision)$/, 'double[]', 'number[]'],
  [/^boolean$/, 'boolean[]', 'boolean[]'],
  [/^(?:text|uuid|date|numeric.*|character.*)$/, 'text[]', 'string[]'],
];

/** @param type as `format_type` writes it: `numeric(6,2)`, `timestamp(3) with time zone`, `text[]` */
function kindOf(type: string, labels: readonly string[] | null): ColumnKind {
  if (labels !== null) {
    const narrow = unionOf(labels);
    return kind(narrow, { type: 'string', as: 'enum', narrow });
  }
  const known = KINDS[type];
  if (known !== undefined) return known;
  if (type.startsWith('character') && !type.endsWith(']')) return kind('string', { type: 'string' });
  const [, precision, scale] = /^numeric\((\d+),(\d+)\)$/.exec(type) ?? [];
  if (precision !== undefined) {
    const fits = Number(precision) < 100 && Number(scale) < 100;
    return kind(
      'string',
      { type: 'decimal', ...(fits && { as: `numeric(${Number(precision)},${Number(scale)})` }) },
      'string | number',
    );
  }
  const time = /^timestamp(?:\((\d)\))? (with|without) time zone$/.exec(type);
  if (time !== null) return timeOf(Number(time[1] ?? 6), time[2] === 'with');
  if (type.endsWith('[]')) {
    const [, as, narrow] = LISTS.find(([elements]) => elements.test(type.slice(0, -2))) ?? [];
    if (as !== undefined && narrow !== undefined) return kind(narrow, { type: 'json', as, narrow });
    return kind('unknown', undefined, JSON_TEXT);
  }
  return kind('string');
}

/** A Date has three digits; what has more is text, or they would be lost. */
function timeOf(digits: number, zoned: boolean): ColumnKind {
  const [read, write] = zoned ? ['Date | string', 'Date | string'] : ['string', 'Date | string'];
  if (digits > 3) return kind(read, { type: 'string', as: zoned ? 'timestamptz' : 'timestamp' }, write);
  if (!zoned) return kind(read, { type: 'date', as: 'timestamp' }, write);
  return kind(read, { type: 'date', ...(digits === 0 && { as: 'datetime' }) }, write);
}
