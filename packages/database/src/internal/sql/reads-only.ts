import { fromFirstWord } from './lead.ts';

const START = /^(?:select|values|with)\b/i;
// WITH can have parts that write, and SELECT INTO makes a table. As functions, replace() and insert() write nothing.
const WRITES = /\b(?:insert|update|delete|replace|merge|into)\b(?!\s*\()/i;

/**
 * Whether a raw statement surely only reads, so that it needs to wait for no writer. To be wrong about one that reads
 * costs a wait, as where such a word is a name or part of a text; one that writes would be refused.
 */
export function readsOnly(sql: string): boolean {
  return START.test(fromFirstWord(sql, 'plain')) && !WRITES.test(sql);
}
