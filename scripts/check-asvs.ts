// docs/security.md lists the requirements of OWASP ASVS 5.0.0 that tests hold: `npm run check -- asvs --update` writes
// it from the names of the tests, `ASVS 9.1.1: what the test says in our words`.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkBlock } from './lib/block.ts';
import { renderTable } from './lib/driver-table.ts';
import { type Finding, main } from './lib/findings.ts';
import { lineOf } from './lib/workspace.ts';

interface Held {
  /** `9.1.1` */
  readonly number: string;
  readonly words: string;
  readonly file: string;
  readonly line: number;
}

const FILE = 'docs/security.md';
const TEST = /\bit\('ASVS (\d+\.\d+\.\d+): ([^'\n]+)'/g;
const ANY = /\bASVS\b/;
const CHAPTERS: Readonly<Record<string, string>> = {
  3: 'Web frontend',
  4: 'API and web service',
  6: 'Authentication',
  7: 'Sessions',
  8: 'Authorization',
  9: 'Self-contained tokens',
  10: 'OAuth and OIDC',
  11: 'Cryptography',
  12: 'Secure communication',
  14: 'Data protection',
  16: 'Logging and errors',
};

function checkAsvs(root: string, { update }: { update: boolean }): Finding[] {
  const held = globSync('packages/*/tests/**/*.test.ts', { cwd: root })
    .toSorted()
    .flatMap((file) => heldBy(file, readFileSync(join(root, file), 'utf8')));
  const findings = held.flatMap((each) => gapsIn(each, held));
  if (findings.length > 0) return findings;
  const absent = 'has no place for the tables of ASVS';
  const stale = 'the tables are not what the names of the tests say';
  return checkBlock(root, { file: FILE, name: 'asvs', text: tablesOf(held), absent, stale }, update);
}

function heldBy(file: string, text: string): Held[] {
  if (!ANY.test(text)) return [];
  return [...text.matchAll(TEST)].map(({ 1: number = '', 2: words = '', index }) => ({
    number,
    words,
    file,
    line: lineOf(text, index),
  }));
}

function gapsIn({ number, file, line }: Held, all: readonly Held[]): Finding[] {
  const findings: Finding[] = [];
  const [chapter = ''] = number.split('.');
  if (CHAPTERS[chapter] === undefined) {
    const fix = 'name the chapter in scripts/check-asvs.ts, if there is one';
    findings.push({ file, line, problem: `chapter ${chapter} of ASVS has no name here`, fix });
  }
  const first = all.find((each) => each.number === number);
  if (first !== undefined && (first.file !== file || first.line !== line)) {
    const fix = 'name one test after it, and what else there is in that one';
    findings.push({ file, line, problem: `ASVS ${number} is held by ${first.file}:${first.line} already`, fix });
  }
  return findings;
}

function tablesOf(held: readonly Held[]): string {
  const inOrder = held.toSorted((a, b) => a.number.localeCompare(b.number, 'en', { numeric: true }));
  return [...Map.groupBy(inOrder, ({ number }) => number.split('.')[0] ?? '')]
    .map(([chapter, group]) => {
      const rows = group.map(({ number, words, file }) => [number, words, `[${file}](../${file})`]);
      return `\n### V${chapter} ${CHAPTERS[chapter]}\n\n${renderTable(['requirement', 'what its test shows', 'test'], rows)}`;
    })
    .join('');
}

if (import.meta.main) await main(checkAsvs);
