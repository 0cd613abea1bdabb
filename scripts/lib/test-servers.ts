import { readFileSync } from 'node:fs';

/** `describeWithServer('redis', ...)` and `startServer('redis')`. */
const START = /\b(?:describeWithServer|startServer)\(\s*'([a-z0-9-]+)'/g;

/** The servers that a test file starts itself, each as often as its text does: so nobody has to keep a list of them. */
export function serversOf(file: string): string[] {
  try {
    return [...readFileSync(file, 'utf8').matchAll(START)].map(([, name]) => name as string);
  } catch {
    return []; // vitest will say what is wrong with the file
  }
}
