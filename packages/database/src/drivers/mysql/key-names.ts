import { fromFirstWord } from '../../internal/sql/lead.ts';
import type { MysqlError } from './client.ts';

type Ask = (text: string, values: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

/** What is known of a key that is taken. */
export interface TakenKey {
  readonly constraint?: string | undefined;
  readonly fields?: readonly string[] | undefined;
}

// Without computed columns, which keep rows that are deleted out of a key.
const COLUMNS = `select s.column_name as name
  from information_schema.statistics s join information_schema.columns c using (table_schema, table_name, column_name)
  where s.table_schema = coalesce(?, database()) and s.table_name = ? and s.index_name = ?
    and coalesce(c.generation_expression, '') = ''
  order by s.seq_in_index`;
/** As the statements of repositories begin, and most others. */
const TABLE = /^(?:insert\s+(?:ignore\s+)?into|replace\s+into|update)\s+(?:`([^`]+)`\.)?`?([^\s`(]+)`?/i;

/**
 * The fields of unique keys. The server says only how a key is called, so it is asked for them, once for each key and
 * connection.
 */
export class KeyNames {
  readonly #ask: Ask;
  readonly #known = new Map<string, readonly string[]>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** @param text the statement that was refused */
  async in(error: MysqlError, text: string): Promise<TakenKey> {
    // At the end, behind the values. MySQL puts the table before it.
    const constraint = /'(?:[^'.]*\.)?([^'.]+)'$/.exec(error.sqlMessage ?? '')?.[1];
    const [, schema, table] = TABLE.exec(fromFirstWord(text, 'executable')) ?? [];
    if (constraint === undefined || table === undefined) return { constraint };
    const id = JSON.stringify([schema, table, constraint]);
    const fields = this.#known.get(id) ?? (await this.#columns(schema, table, constraint));
    this.#known.set(id, fields);
    return { constraint, ...(fields.length > 0 && { fields }) };
  }

  async #columns(schema: string | undefined, table: string, constraint: string): Promise<readonly string[]> {
    try {
      const rows = await this.#ask(COLUMNS, [schema ?? null, table, constraint]);
      return rows.map(({ name }) => String(name));
    } catch {
      // It is about a better message; what was refused is known without it.
      return [];
    }
  }
}
