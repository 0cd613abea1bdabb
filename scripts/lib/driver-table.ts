import { readFileSync } from 'node:fs';
import { type Node, parseProgram, walk } from './imports.ts';
import { firstSentence } from './purpose.ts';

/** A feature as the contract of a package declares it, and what its row is called. */
export interface Row {
  readonly feature: string;
  readonly label: string;
}

/**
 * The rows for the features of a contract: the members of the interface `<Something>Features` in its
 * `driver.ts`, in their order. The first sentence of the comment on a member is its label. One that is no
 * reader's business is `@hidden`, and has no row.
 */
export function readRows(path: string): Row[] {
  const source = readFileSync(path, 'utf8');
  const { program, comments } = parseProgram(path, source);
  const rows: Row[] = [];
  walk(program, (node) => {
    if (node.type !== 'TSInterfaceDeclaration' || !(node['id'] as { name: string }).name.endsWith('Features')) return;
    for (const member of (node['body'] as { body: Node[] }).body) {
      const feature = (member['key'] as { name: string }).name;
      const comment = comments.findLast(({ end }) => end <= member.start);
      const text = comment && source.slice(comment.end, member.start).trim() === '' ? comment.value : '';
      if (text.includes('@hidden')) continue;
      rows.push({ feature, label: firstSentence(text)?.replace(/\.$/, '') ?? `\`${feature}\`` });
    }
  });
  return rows;
}

/** A table in Markdown. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`).join('');
}

/**
 * How a feature is shown. The end of its name is the unit of a number, as
 * everywhere: `maxValueBytes`, `ttlResolutionMs`.
 */
export function cellOf(feature: string, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value === null) return 'no limit';
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value !== 'number') return value as string;
  if (feature.endsWith('Bytes')) return scaled(value, ['MiB', 2 ** 20], ['KiB', 2 ** 10], ['bytes', 1]);
  if (feature.endsWith('Ms')) return scaled(value, ['s', 1_000], ['ms', 1]);
  return String(value);
}

/** In the largest unit that leaves a whole number. */
function scaled(value: number, ...units: [name: string, size: number][]): string {
  const [name, size] = units.find((unit) => value % unit[1] === 0)!;
  return `${value / size} ${name}`;
}
