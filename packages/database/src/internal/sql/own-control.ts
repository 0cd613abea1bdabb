import { databaseErrors } from '../../errors.ts';
import { type Comments, fromFirstWord } from './lead.ts';

/** What begins or ends a transaction; a ROLLBACK to a savepoint does neither. */
const CONTROL =
  /^(begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!(?:\s+(?:work|transaction))?\s+to\b))\b/i;

/**
 * Refuses, in a transaction, a statement of the application's own that begins or ends one. What was done before it
 * would be stored or gone, whatever the transaction comes to; and where another one is open then, as after `COMMIT AND
 * CHAIN`, nothing would tell.
 */
export function refuseOwnControl(text: string, comments: Comments): void {
  const [, word] = CONTROL.exec(fromFirstWord(text, comments)) ?? [];
  if (word === undefined) return;
  throw databaseErrors.unsupported(
    `native: a transaction is open, which ${word.toUpperCase()} would end or begin anew; it commits when its function resolves, and rolls back when that rejects.`,
  );
}
