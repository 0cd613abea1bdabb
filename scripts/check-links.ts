// Relative links of Markdown files lead to files of the repository, and their anchors to headings.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type Finding, main } from './lib/findings.ts';
import { anchorsOf, isForeign, linksOf } from './lib/markdown.ts';
import { filesUnder, lineOf } from './lib/workspace.ts';

export function checkLinks(root: string): Finding[] {
  const pages = filesUnder(
    root,
    (path) => path.endsWith('.md') && !/\/(CHANGELOG\.md|\.\w+\/.*)$/.test(path.slice(root.length)),
  );
  return pages.flatMap((page) => {
    const text = readFileSync(page, 'utf8');
    return linksOf(text).flatMap(({ target, index }) => {
      const problem = problemOf(page, target);
      return problem === undefined
        ? []
        : [{ file: relative(root, page), line: lineOf(text, index), problem, fix: 'mend the link' }];
    });
  });
}

function problemOf(page: string, link: string): string | undefined {
  if (isForeign(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), decodeURIComponent(path));
  if (!existsSync(target)) return `the link to ${link} leads nowhere`;
  if (anchor === undefined || statSync(target).isDirectory() || !target.endsWith('.md')) return undefined;
  return anchorsOf(readFileSync(target, 'utf8')).includes(anchor) ? undefined : `there is no heading for ${link}`;
}

if (import.meta.main) await main(checkLinks);
