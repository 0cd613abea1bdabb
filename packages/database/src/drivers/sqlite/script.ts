import { refuseControl, ScriptError } from '../../internal/sql/script.ts';
import { databaseErrors } from '../../errors.ts';
import type { SqliteClient } from './client.ts';

const FOREIGN_KEYS = /(?:^|;)[ \t]*(?:\/\*(?:[^*]|\*(?!\/))*\*\/\s*)*pragma\s+(?:\w+\s*\.\s*)?foreign_keys\s*[=(]/im;
/** Beyond these, in characters and milliseconds, nobody looks for the line: the statements are run for that again. */
const [LOOK_CHARS, LOOK_MS] = [256 * 1024, 500];
const SAVEPOINT = 'ent_script';

/** Runs a text of several statements. @throws ScriptError */
export function runScript(client: SqliteClient, text: string, inTransaction: boolean): void {
  if (FOREIGN_KEYS.test(text)) {
    throw databaseErrors.unsupported(
      "PRAGMA foreign_keys does nothing in a transaction. A migration that rebuilds a table asks for it with foreignKeys: 'off', a file of SQL with the line -- foreign-keys: off at its top.",
    );
  }
  if (!inTransaction) {
    const failed = failureOf(client, text);
    if (failed !== undefined) throw new ScriptError(failed, undefined);
    return;
  }
  refuseControl(text);
  client.exec(`savepoint ${SAVEPOINT}`);
  const began = performance.now();
  const failed = failureOf(client, text);
  const isQuick = performance.now() - began < LOOK_MS && text.length < LOOK_CHARS;
  // SQLite ends the transaction by itself after some errors.
  if (failed !== undefined) {
    throw new ScriptError(failed, isQuick && client.inTransaction ? lineOf(client, text, failed) : undefined);
  }
  client.exec(`release ${SAVEPOINT}`);
}

function failureOf(client: SqliteClient, text: string): Error | undefined {
  try {
    client.exec(text);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/**
 * Where SQLite refused, which the library does not tell: the first line up to which the text fails in the same way, as
 * the lines before it do not. A statement that fails while it runs is found by its last line.
 */
function lineOf(client: SqliteClient, text: string, failed: Error): string | undefined {
  const lines = text.split('\n');
  // Of a statement that does not end; cut short, the others are the same.
  if (failed.message === 'incomplete input') return `line ${lines.length}`;
  const failsBy = (count: number): boolean => {
    client.exec(`rollback to ${SAVEPOINT}`);
    return failureOf(client, lines.slice(0, count).join('\n'))?.message === failed.message;
  };
  let [low, high] = [1, lines.length];
  while (low < high && client.inTransaction) {
    const middle = (low + high) >> 1;
    if (failsBy(middle)) high = middle;
    else low = middle + 1;
  }
  return client.inTransaction ? `line ${high}` : undefined;
}
