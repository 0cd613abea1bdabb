import { basename } from 'node:path';
import { type Node, parseProgram } from './imports.ts';

/**
 * What a file is for, in a sentence: the first of its head comment. Without one, of the comment on what has the file's
 * name; or on that of the `names` which is at hand first; or on the first thing that is exported.
 */
export function purposeOf(path: string, source: string, names: readonly string[]): string | undefined {
  const { program, comments } = parseProgram(path, source);
  const statements = program.body as unknown as Node[];
  const documentation = comments.filter(({ value }) => value.startsWith('*'));
  const sentence = (statement: Node | undefined): string | undefined => {
    const comment = documentation.findLast(({ end }) => statement !== undefined && end <= statement.start);
    const isNext = comment && source.slice(comment.end, statement?.start).trim() === '';
    return isNext ? firstSentence(comment.value) : undefined;
  };
  const fileName = basename(path, '.ts').replaceAll('-', '').toLowerCase();
  const declared = statements.filter(({ type }) => type !== 'ImportDeclaration');
  const exported = declared.filter(({ type }) => type.startsWith('Export'));
  const candidates = [
    declared.find((each) => nameOf(each)?.toLowerCase() === fileName),
    ...names.map((name) => declared.find((each) => nameOf(each) === name)),
    ...exported.filter(({ exportKind }) => exportKind !== 'type'),
    ...exported,
  ];
  return headOf(source) ?? candidates.map(sentence).find((text) => text !== undefined);
}

/**
 * Of the comment that a file begins with, and that belongs to nothing
 * below: what follows is an import, or an empty line.
 */
export function headOf(source: string): string | undefined {
  const [, head] = /^(\/\*\*.*?\*\/|\/\/[^\n]*(?:\n\/\/[^\n]*)*)\n(?:import\b|\s*\n)/s.exec(source) ?? [];
  return head === undefined ? undefined : firstSentence(head.replace(/^\/\/|^\/\*|\*\/$/gm, ''));
}

function nameOf(statement: Node): string | undefined {
  const declaration = (statement['declaration'] ?? statement) as Node & { declarations?: Node[] };
  return ((declaration.declarations?.[0] ?? declaration)['id'] as { name?: string } | undefined)?.name;
}

/** Undefined for a comment that only has tags. Links are plain names, since they lead nowhere from another page. */
export function firstSentence(comment: string): string | undefined {
  const text = comment
    .replace(/^\s*\*? ?/gm, ' ')
    .replace(/\s+/g, ' ')
    .replace(/\{@link (\S+?)\}/g, '`$1`')
    .trim();
  return text.startsWith('@') || text === '' ? undefined : (/^.*?[.!?](?= [^a-z]|$)/.exec(text)?.[0] ?? text);
}
