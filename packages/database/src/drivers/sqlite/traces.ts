import { fromFirstWord } from '../../internal/sql/lead.ts';

/** SQLite carries out most pragmas as it prepares them, so an EXPLAIN does them too. */
const START = String.raw`^(?:explain\s+(?:query\s+plan\s+)?)?`;
const PRAGMA = String.raw`pragma\s+(?:\w+\s*\.\s*)?`;
/** Those that only tell, or that are of the file. */
const HARMLESS = String.raw`(?!(?:\w+_(?:info|xinfo|list|check)|optimize|wal_checkpoint|incremental_vacuum|user_version|application_id)\b)`;

const FOREIGN_KEYS = new RegExp(String.raw`${START}${PRAGMA}foreign_keys\s*[=(]`, 'i');

const TRACES = new RegExp(
  String.raw`${START}(?:attach|detach|create\s+temp(?:orary)?|create\b[^(]*\btemp\b\W?\s*\.|${PRAGMA}${HARMLESS}\w+\s*[=(])`,
  'i',
);

/** Whether it turns foreign keys on or off; to read that does no harm. */
export function setsForeignKeys(text: string): boolean {
  return FOREIGN_KEYS.test(fromFirstWord(text, 'plain'));
}

/**
 * Whether something stays on the connection: another database, temporary tables, and settings; to read one there is no
 * bracket.
 */
export function leavesTraces(text: string): boolean {
  return TRACES.test(fromFirstWord(text, 'plain'));
}
