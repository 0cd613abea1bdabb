import type { Row } from '../../../driver.ts';
import type { SqlOutcome, SqlStatement } from '../../../internal/sql/types.ts';
import type { PackedError } from './errors.ts';

/** What a thread is made with. */
export interface ThreadData {
  readonly kind: 'ent-sqlite';
  readonly file: string;
  readonly synchronous: 'normal' | 'full';
  readonly isReader: boolean;
  /** One number: the id of the request that nobody waits for any more. Both sides see it at once. */
  readonly givenUp: Int32Array;
}

/** What the thread of a backup is made with. */
export interface BackupData {
  readonly kind: 'ent-sqlite-backup';
  readonly file: string;
  readonly target: string;
}

/** From the thread of a backup: how far it is, and at the end that it is done, or why not. Any message stops it. */
export type BackupNews =
  | { readonly totalPages: number; readonly remainingPages: number }
  | { readonly failure: PackedError | undefined };

/** A statement, as a thread needs it. */
export type ThreadStatement = Pick<SqlStatement, 'sql' | 'kind' | 'returnsRows' | 'single' | 'exact' | 'recurs'>;

/** What a thread is asked to do, in the order of asking. */
export type Work =
  | { readonly op: 'open' | 'commit' | 'rollback' | 'touch' | 'reset' | 'close' }
  | { readonly op: 'begin'; readonly readOnly: boolean; readonly foreignKeys: 'off' | undefined }
  | { readonly op: 'execute'; readonly statement: ThreadStatement; readonly parameters: readonly unknown[] };

/** To a thread: work with its number, or the news that what it has is not waited for. */
export type Request = (Work & { readonly id: number }) | { readonly op: 'stop' };

/** From a thread: an answer, a failure, or what it waits for just now. */
export type Answer =
  | { readonly id: number; readonly outcome: PackedOutcome | undefined }
  | { readonly id: number; readonly failure: PackedError }
  | { readonly waitingFor: string | undefined };

/** Rows as one list of values: to copy the names with each row would take longer than the values. */
export interface PackedOutcome extends Omit<SqlOutcome, 'rows'> {
  readonly columns: readonly string[];
  readonly values: readonly unknown[];
}

export function packed({ rows, matched, insertId }: SqlOutcome): PackedOutcome {
  const columns = rows[0] === undefined ? [] : Object.keys(rows[0]);
  const values: unknown[] = [];
  for (const row of rows) for (const name of columns) values.push(row[name]);
  return { columns, values, matched, insertId };
}

export function unpacked({ columns, values, matched, insertId }: PackedOutcome): SqlOutcome {
  const rows: Row[] = [];
  for (let at = 0; at < values.length; ) {
    const row: Row = {};
    for (const name of columns) {
      row[name] = values[at];
      at += 1;
    }
    rows.push(row);
  }
  return { rows, matched, insertId };
}
