/** Where a statement begins. SQLite carries out most pragmas as it prepares them, so an EXPLAIN does them too. */
const START = String.raw`^(?:[\s;]|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:explain\s+(?:query\s+plan\s+)?)?`;
const PRAGMA = String.raw`pragma\s+(?:\w+\s*\.\s*)?`;
/** Those that only tell, or that are of the file. */
const HARMLESS = String.raw`(?!(?:\w+_(?:info|xinfo|list|check)|optimize|wal_checkpoint|incremental_vacuum|user_version|application_id)\b)`;

/** Turns foreign keys on or off; to read it does no harm. */
export const FOREIGN_KEYS = new RegExp(String.raw`${START}${PRAGMA}foreign_keys\s*[=(]`, 'i');

/** What stays on a connection: another database, temporary tables, and settings; to read one there is no bracket. */
export const TRACES = new RegExp(
  String.raw`${START}(?:attach|detach|create\s+temp(?:orary)?|create\b[^(]*\btemp\b\W?\s*\.|${PRAGMA}${HARMLESS}\w+\s*[=(])`,
  'i',
);
