import { databaseErrors } from '../../errors.ts';

/** An error of the library in a text of several statements, and where it was in that, if that is known. */
export class ScriptError extends Error {
  readonly where: string | undefined;

  constructor(cause: unknown, where: string | undefined) {
    super('a script failed', { cause });
    this.where = where;
  }
}

/** `line 3`, of a position in the text. */
export function lineAt(text: string, index: number): string {
  return `line ${text.slice(0, index).split('\n').length}`;
}

// At the start of a line, or behind a comment there, and with its semicolon: BEGIN of a trigger or function has none.
const CONTROL =
  /^[ \t]*(?:\/\*(?:[^*]|\*(?!\/))*\*\/\s*)*((?:begin|commit|rollback|abort|start\s+transaction)(?:[ \t]+(?:work|transaction))?(?:\s+and\s+(?:no\s+)?chain)?[ \t]*;)/dim;

/** Refuses a text that would end the transaction around it: what comes before would stay, whatever happens after. */
export function refuseControl(text: string): void {
  const found = CONTROL.exec(text);
  if (found === null) return;
  const [, word] = found;
  throw databaseErrors.unsupported(
    `native.script: it is run in a transaction already, which "${word}" (${lineAt(text, found.indices?.[1]?.[0] ?? found.index)}) would end or repeat; take it out.`,
  );
}
