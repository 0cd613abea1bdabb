// What the linter and the formatter leave open, so that all texts read as if one hand had written them.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, main } from './lib/findings.ts';
import { type Node, parseProgram, walk } from './lib/imports.ts';
import { run } from './lib/run.ts';
import { lineOf } from './lib/workspace.ts';

const COLUMNS = 120;
const TEXT = /\.(?:m?ts|mjs|md|sh|ya?ml)$/;
const PROGRAM = /\.(?:m?ts|mjs)$/;
/** Whose messages end up in logs and in answers to clients. */
const SOURCE = /^packages\/[^/]+\/src\//;

export async function checkStyle(root: string): Promise<Finding[]> {
  const { code, output } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  if (code !== 0) throw new Error(`git ls-files failed:\n${output}`);
  return [...new Set(output.split('\0'))]
    .filter((file) => TEXT.test(file) && existsSync(join(root, file)))
    .flatMap((file) => checkFile(file, readFileSync(join(root, file), 'utf8')));
}

function checkFile(file: string, text: string): Finding[] {
  const findings: Finding[] = [];
  for (const { index, 0: words } of text.matchAll(/\bcan\s+not\b/gi)) {
    findings.push({ file, line: lineOf(text, index), problem: `"${words}"`, fix: 'write cannot, in one word' });
  }
  if (!PROGRAM.test(file)) return findings;
  const { program, comments } = parseProgram(file, text);
  for (const line of new Set(comments.flatMap(({ start, end }) => linesBetween(text, start, end)))) {
    const { length } = text.split('\n')[line - 1]!;
    if (length <= COLUMNS) continue;
    findings.push({ file, line, problem: `a comment of ${length} columns`, fix: `wrap it at ${COLUMNS}` });
  }
  if (!SOURCE.test(file)) return findings;
  walk(program, (node) => {
    for (const end of messagesOf(node)) {
      if (/[.?!]$/.test(end)) continue;
      const problem = `a message without a full stop at its end: "...${end.slice(-30)}"`;
      findings.push({ file, line: lineOf(text, node.start), problem, fix: 'a message is a sentence, or several' });
    }
  });
  return findings;
}

function linesBetween(text: string, start: number, end: number): number[] {
  const first = lineOf(text, start);
  return Array.from({ length: lineOf(text, end) - first + 1 }, (_, i) => first + i);
}

/** How the messages end that a package gives to errors of its own here: `cacheErrors.timeout('...')`. */
function messagesOf(node: Node): string[] {
  if (node.type !== 'CallExpression') return [];
  const { object } = node['callee'] as { object?: { name?: string } };
  return object?.name?.endsWith('Errors') === true ? endsOf((node['arguments'] as Node[])[0]) : [];
}

/** The end of a text as far as it is written here: of each branch of a condition, and of the last part of a sum. */
function endsOf(node: Node | undefined): string[] {
  switch (node?.type) {
    case 'Literal':
      return typeof node['value'] === 'string' ? [node['value']] : [];
    case 'TemplateLiteral':
      return endsOfTemplate(node);
    case 'ConditionalExpression':
      return [...endsOf(node['consequent'] as Node), ...endsOf(node['alternate'] as Node)];
    case 'BinaryExpression':
      return endsOf(node['right'] as Node);
    case 'ParenthesizedExpression':
      return endsOf(node['expression'] as Node);
    default:
      return [];
  }
}

/** After a colon stand the words of somebody else, who ends them: `did not start: ${cause.message}`. */
function endsOfTemplate(node: Node): string[] {
  const parts = (node['quasis'] as { value: { cooked: string } }[]).map(({ value }) => value.cooked);
  const values = node['expressions'] as Node[];
  if (values.length === 0 || parts.at(-1) !== '') return [`${values.length > 0 ? '${}' : ''}${parts.at(-1)}`];
  if (/:\s$/.test(parts.at(-2) ?? '')) return [];
  const ends = endsOf(values.at(-1));
  return ends.length > 0 ? ends : ['${}'];
}

if (import.meta.main) await main(checkStyle);
