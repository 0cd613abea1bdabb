// Relative links of Markdown files lead to files of the repository, and their anchors to headings.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type Finding, main } from './lib/findings.ts';
import { filesUnder, lineOf } from './lib/workspace.ts';

export function checkLinks(root: string): Finding[] {
  const pages = filesUnder(
    root,
    (path) => path.endsWith('.md') && !/\/(CHANGELOG\.md|\.\w+\/.*)$/.test(path.slice(root.length)),
  );
  return pages.flatMap((page) => {
    const text = readFileSync(page, 'utf8');
    const prose = withoutCode(text);
    return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].flatMap(({ 1: link = '', index }) => {
      const problem = problemOf(page, link);
      return problem === undefined
        ? []
        : [{ file: relative(root, page), line: lineOf(text, index), problem, fix: 'mend the link' }];
    });
  });
}

function problemOf(page: string, link: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), decodeURIComponent(path));
  if (!existsSync(target)) return `the link to ${link} leads nowhere`;
  if (anchor === undefined || statSync(target).isDirectory() || !target.endsWith('.md')) return undefined;
  return anchorsOf(readFileSync(target, 'utf8')).includes(anchor) ? undefined : `there is no heading for ${link}`;
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/^#{1,6} +(.+?) *$/gm)].map(({ 1: heading = '' }) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Fenced blocks and code spans blanked out, so that offsets stay what they are. A heading keeps its code. */
function withoutCode(text: string): string {
  const blank = (code: string): string => code.replace(/[^\n]/g, ' ');
  return text
    .replace(/^(`{3,})[^]*?^\1`*$/gm, blank)
    .replace(/^(?!#)(.*)$/gm, (line) => line.replace(/`[^`\n]+`/g, blank));
}

if (import.meta.main) await main(checkLinks);
