import type { FieldType } from '../field.ts';

/** How columns are called whose field does not say. */
export type Naming = 'snake_case';

type Refuse = (detail: string) => Error;

// What every database takes between its quotes, and no part of our own notation: no dot, quote or space. To assign to
// "__proto__" of an object, as Kysely and the drivers' libraries do by names of columns, is to assign its prototype.
const PART = /^(?!__proto__$)[\p{L}_][\p{L}\p{N}_$-]{0,62}$/u;
const WORDS = 'must be a letter or "_", then letters, digits, "_", "$" and "-", at most 63, and not "__proto__"';

/** Whether a table, a schema or a column can be called so. */
export function isName(text: string): boolean {
  return PART.test(text);
}

/** The column of a field. */
export function columnOf(
  field: string,
  column: string | undefined,
  naming: Naming | undefined,
  refuse: Refuse,
): string {
  if (column === undefined) return naming === undefined ? field : snakeCase(field);
  if (typeof column === 'string' && PART.test(column)) return column;
  throw refuse(`the column of field "${field}" ${WORDS}`);
}

/** The table of an entity, perhaps with its schema. */
export function tableOf(entity: string, table: string | undefined, naming: Naming | undefined, refuse: Refuse): string {
  if (naming !== undefined && naming !== 'snake_case') throw refuse("naming must be 'snake_case', or is left out");
  if (table === undefined) return naming === undefined ? entity : snakeCase(entity);
  const parts = typeof table === 'string' ? table.split('.') : [];
  if ((parts.length === 1 || parts.length === 2) && parts.every((part) => PART.test(part))) return table;
  throw refuse(`its table, and the schema before the dot, ${WORDS}`);
}

/** `createdAt` is `created_at`, `htmlURLPath` is `html_url_path`. */
function snakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}

const NATIVE: Partial<Record<FieldType, RegExp>> = {
  string: /^(?:uuid|binary\(16\)|objectId|enum|date|timestamptz|timestamp)$/,
  // Of digits in all, one at least; after the point there can be none.
  decimal: /^numeric\([1-9]\d?,\d\d?\)$/,
  date: /^(?:timestamp|datetime|text|unixepoch)$/,
  json: /^(?:jsonb|(?:text|int|double|boolean)\[\])$/,
};

/** Whether a field of this type can be stored so. */
export function isNativeType(type: FieldType, as: unknown): boolean {
  return typeof as === 'string' && NATIVE[type]?.test(as) === true;
}
