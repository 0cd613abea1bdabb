// docs/proof.md: a part for each program that writes it, with what it had to say when it last ran as a whole.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { blockText, withBlock } from './block.ts';

const root = join(import.meta.dirname, '../..');
const page = join(root, 'docs/proof.md');

/** Puts a text into the place of the one that the same program wrote before. */
export function keepProof(name: string, text: string): void {
  writeFileSync(page, withBlock(readFileSync(page, 'utf8'), name, text));
  console.log('Kept in docs/proof.md.');
}

/** The rows of the table that the same program wrote before, of one that {@link table} made. */
export function provedRows<Row extends Readonly<Record<string, string>>>(name: string): Row[] {
  const [head = [], , ...rows] = blockText(readFileSync(page, 'utf8'), name)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  return rows.map((cells) => Object.fromEntries(head.map((column, at) => [column, cells[at] ?? ''])) as Row);
}

/** When, and of which commit. */
export function state(): string {
  const git = (...args: string[]): string => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim();
  const changed = git('status', '--porcelain') === '' ? '' : ' with changes';
  return `${new Date().toISOString().slice(0, 10)}, commit ${git('rev-parse', '--short=10', 'HEAD')}${changed}`;
}

export function machine(): string {
  return `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`;
}

/** When, of which commit, on what machine, and how long. */
export function circumstances(durationMs: number): string {
  return `${state()}; ${machine()}; ${seconds(durationMs)}.`;
}

/** A table of Markdown, with the names of the first row's fields above it. */
export function table<Row extends Readonly<Record<string, string>>>(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))];
  const widths = names.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const texts = lines.map((line) => `| ${line.map((cell, at) => cell.padEnd(widths[at] as number)).join(' | ')} |`);
  return texts.toSpliced(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`).join('\n');
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
