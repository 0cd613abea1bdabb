import { readFileSync } from 'node:fs';
import { type Node, parseProgram, walk } from './imports.ts';

/** The text of the doc comments in a file, as one line each, by the name of what follows: a declaration or a member. */
export function docCommentsOf(path: string): Map<string, string> {
  const source = readFileSync(path, 'utf8');
  const { program, comments } = parseProgram(path, source);
  const texts = new Map<string, string>();
  walk(program, (node) => {
    const name = nameOf(node);
    const comment = name === undefined ? undefined : commentBefore(source, comments, node);
    if (name !== undefined && comment !== undefined && !texts.has(name)) texts.set(name, oneLine(comment));
  });
  return texts;
}

/** The doc comment that belongs to a node; undefined without one. Comments of other kinds may stand between. */
export function commentBefore(
  source: string,
  comments: readonly { value: string; end: number }[],
  { start }: { readonly start: number },
): string | undefined {
  const comment = comments.findLast(({ end, value }) => end <= start && value.startsWith('*'));
  const between = source.slice(comment?.end, start).replace(/^\s*\/\/.*$/gm, '');
  return between.trim() === '' ? comment?.value : undefined;
}

function nameOf(node: Node): string | undefined {
  if (node.type === 'Property') return (node['key'] as { name?: string }).name;
  if (node.type !== 'ExportNamedDeclaration') return undefined;
  const declaration = node['declaration'] as (Node & { declarations?: Node[] }) | null;
  return ((declaration?.declarations?.[0] ?? declaration)?.['id'] as { name?: string } | undefined)?.name;
}

function oneLine(comment: string): string {
  return comment
    .replace(/^\s*\*? ?/gm, ' ')
    .replace(/\s+/g, ' ')
    .replace(/\{@link (\S+?)\}/g, '`$1`')
    .trim();
}
