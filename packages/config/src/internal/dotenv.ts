import { readFileSync, statSync } from 'node:fs';
import { parse } from 'dotenv';

/**
 * The text of a .env file; `undefined` where there is none. Throws what the file system throws for any other reason.
 */
export function readDotenv(path: string): string | undefined {
  // Most of the files are absent most of the time, and an exception costs more than the question.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  return readFileSync(path, 'utf8');
}

export function parseDotenv(text: string): Record<string, string> {
  return parse(text);
}

const PROBE = 'ENT_CONFIG_PROBE';
const ENTRY = /^(\s*(?:export\s+)?)([\w.-]+)(?=\s*[=:])/;

/**
 * The line on which a .env file sets a variable, from 1. dotenv does not tell it. The lines that look like it are
 * tried, the last first, since the last one wins: with the name on that line replaced, dotenv has to find the
 * replacement. A line inside of a quoted value does not pass.
 */
export function lineOf(text: string, name: string): number | undefined {
  const lines = text.split(/\r\n|\n|\r/);
  for (let i = lines.length - 1; i >= 0; i--) {
    const line = lines[i] as string;
    if (ENTRY.exec(line)?.[2] !== name) continue;
    const probed = lines.with(i, line.replace(ENTRY, `$1${PROBE}`)).join('\n');
    if (Object.hasOwn(parse(probed), PROBE)) return i + 1;
  }
  return undefined;
}
