// Parts of a page that a program writes: between `<!-- name: written by ... -->` and `<!-- /name -->`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './findings.ts';
import { lineOf } from './workspace.ts';

/** A part of a page. */
interface Block {
  /** Where its text begins and ends in the page. */
  readonly start: number;
  readonly end: number;
}

/** Finds a part by its name. */
function blockOf(page: string, name: string): Block | undefined {
  const [, begin = '', text = ''] = new RegExp(`(<!-- ${name}: .*-->\\n)([^]*?)<!-- /${name} -->`).exec(page) ?? [];
  if (begin === '') return undefined;
  const start = page.indexOf(begin) + begin.length;
  return { start, end: start + text.length };
}

/** The text of a part; an empty one of a page that has none. */
export function blockText(page: string, name: string): string {
  const { start, end } = blockOf(page, name) ?? { start: 0, end: 0 };
  return page.slice(start, end);
}

/**
 * The page with another text in a part, which ends with a line.
 *
 * @throws when it has no such part
 */
export function withBlock(page: string, name: string, text: string): string {
  const block = blockOf(page, name);
  if (block === undefined) throw new Error(`there is no part that begins with <!-- ${name}: ... -->`);
  return page.slice(0, block.start) + text + page.slice(block.end);
}

/** A part that a check writes. */
export interface CheckedBlock {
  /** Relative to the root. */
  readonly file: string;
  /** Of the part, and of the check. */
  readonly name: string;
  /** As it should be. */
  readonly text: string;
  /** What is wrong with a page without such a part. */
  readonly absent: string;
  /** What is wrong with another text. */
  readonly stale: string;
}

/** Holds a part of a page against what it should be, or writes it there with `update`. */
export function checkBlock(root: string, checked: CheckedBlock, update: boolean): Finding[] {
  const { file, name, text } = checked;
  const path = join(root, file);
  const page = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const block = blockOf(page, name);
  if (block === undefined) {
    const fix = `it begins with <!-- ${name}: written by scripts/check-${name}.ts --> and ends with <!-- /${name} -->`;
    return [{ file, problem: checked.absent, fix }];
  }
  if (page.slice(block.start, block.end) === text) return [];
  if (update) {
    writeFileSync(path, withBlock(page, name, text));
    return [];
  }
  const line = lineOf(page, page.lastIndexOf('<!--', block.start));
  return [{ file, line, problem: checked.stale, fix: `npm run check -- ${name} --update` }];
}
