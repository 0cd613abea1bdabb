import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { filesUnder, publicPackages, readPackages } from './workspace.ts';

/** A fenced TypeScript block of a Markdown file, or of a doc comment. */
export interface Snippet {
  /** Relative to the root. */
  readonly file: string;
  /** Of its first line of code. */
  readonly line: number;
  readonly code: string;
  /** ` ```ts no-run `: it is compiled, and not executed. */
  readonly noRun: boolean;
}

/** The TypeScript blocks of the README files (of what is published, and of the examples) and of docs/. */
export function readSnippets(root: string): Snippet[] {
  const readmes = [
    root,
    ...publicPackages(root).map(({ dir }) => dir),
    ...readPackages(root, 'examples').map(({ dir }) => dir),
  ].map((dir) => join(dir, 'README.md'));
  const pages = [...readmes.filter(existsSync), ...filesUnder(join(root, 'docs'), (path) => path.endsWith('.md'))];
  return pages.flatMap((path) => snippetsOf(relative(root, path), readFileSync(path, 'utf8')));
}

/** The TypeScript blocks of the doc comments in what is published. */
export function readDocSnippets(root: string): Snippet[] {
  return publicPackages(root)
    .flatMap(({ dir }) => filesUnder(join(dir, 'src'), (path) => path.endsWith('.ts')))
    .flatMap((path) => snippetsOf(relative(root, path), markdownIn(readFileSync(path, 'utf8'))));
}

/** What stands in the doc comments of a file, each line where it is. */
function markdownIn(source: string): string {
  let inside = false;
  const lines = source.split('\n').map((line) => {
    if (!inside) {
      inside = /^\s*\/\*\*(?!.*\*\/)/.test(line);
      return '';
    }
    inside = !line.includes('*/');
    return inside ? line.replace(/^\s*\* ?/, '') : '';
  });
  return lines.join('\n');
}

/** A fence is at the beginning of a line; what a list indents is prose. */
export function snippetsOf(file: string, markdown: string): Snippet[] {
  const lines = markdown.split('\n');
  const snippets: Snippet[] = [];
  for (let i = 0; i < lines.length; i++) {
    const [, fence, language, flags] = /^(`{3,})(\S*)\s*(.*)$/.exec(lines[i] ?? '') ?? [];
    if (fence === undefined) continue;
    const end = lines.findIndex((text, at) => at > i && text.trimEnd() === fence);
    if (end < 0) throw new Error(`${file}:${i + 1} opens a block that never ends`);
    if (language === 'ts' || language === 'typescript') {
      const noRun = (flags ?? '').split(/\s+/).includes('no-run');
      snippets.push({ file, line: i + 2, code: lines.slice(i + 1, end).join('\n'), noRun });
    }
    i = end;
  }
  return snippets;
}
