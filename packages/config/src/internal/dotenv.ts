import { readFileSync, statSync } from 'node:fs';
import { parse } from 'dotenv';
import { utf8Of } from './utf8.ts';

/**
 * The text of a .env file; `undefined` where there is none. Throws what the file system throws for any other reason,
 * and
 * `NotUtf8`.
 */
export function readDotenv(path: string): string | undefined {
  // Most of the files are absent most of the time, and an exception costs more than the question.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  return utf8Of(readFileSync(path));
}

export function parseDotenv(text: string): Record<string, string> {
  return parse(text);
}

const PROBE = 'ENT_CONFIG_PROBE';
const LINE_END = /\r\n|\n|\r/;
const ENTRY = /^(\s*(?:export\s+)?)([\w.-]+)(?=\s*=|:\s)/;
/** Nothing but plain assignments, comments and blank lines: nearly every file, and found out in a third of the time. */
const USUAL = /^(?:(?:[\w.-]+=|#)[^\r\n]*(?:\r?\n|$)|\r?\n)*$/;
/** A line that is neither blank nor a comment nor an assignment. */
const STRANGE = /^(?!\s*(?:#|$)|\s*(?:export\s+)?[\w.-]+(?:\s*=|:\s))/m;

/**
 * The line on which a .env file sets a variable, from 1. dotenv does not tell it. The lines that look like it are
 * tried, the last first, since the last one wins: with the name on that line replaced, dotenv has to find the
 * replacement. A line inside of a quoted value does not pass.
 */
export function lineOf(text: string, name: string): number | undefined {
  const lines = text.split(LINE_END);
  for (let i = lines.length - 1; i >= 0; i--) {
    const line = lines[i] as string;
    if (ENTRY.exec(line)?.[2] !== name) continue;
    const probed = lines.with(i, line.replace(ENTRY, `$1${PROBE}`)).join('\n');
    if (Object.hasOwn(parse(probed), PROBE)) return i + 1;
  }
  return undefined;
}

/**
 * The lines, from 1, that dotenv passes over although somebody meant something by them. A line inside of a quoted value
 * is none of them: what is put before it turns up in a value.
 */
export function strangeLines(text: string): number[] {
  if (USUAL.test(text) || !STRANGE.test(text)) return [];
  const lines = text.split(LINE_END);
  return lines.flatMap((line, i) => {
    if (!STRANGE.test(line)) return [];
    const values = Object.values(parse(lines.with(i, PROBE + line).join('\n')));
    return values.some((value) => value.includes(PROBE)) ? [] : [i + 1];
  });
}
