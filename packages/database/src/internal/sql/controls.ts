import type { SqlStatement } from './types.ts';

const SHORT = 40;
const MOST = 64;
const controls = new Map<string, SqlStatement>();

/**
 * The statement of a text that binds nothing. Those that come all the time,
 * such as BEGIN, are the same object each time.
 */
export function controlOf(sql: string): SqlStatement {
  const known = controls.get(sql);
  if (known !== undefined) return known;
  const recurs = sql.length <= SHORT && controls.size < MOST;
  const statement: SqlStatement = { sql, kind: 'control', returnsRows: false, recurs };
  if (recurs) controls.set(sql, statement);
  return statement;
}
