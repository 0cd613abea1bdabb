import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { isForeign, linksOf } from './markdown.ts';
import { filesUnder, publicPackages, readJson, readPackages, subpathsOf } from './workspace.ts';

/** A Markdown file of the repository, as a page of the site. */
export interface Page {
  /** Relative to the root: `docs/guides/testing.md`. */
  readonly file: string;
  /** In the site, without `.html`: `guides/testing`. */
  readonly path: string;
}

interface Section {
  readonly text: string;
  readonly pages: readonly Page[];
}

/** What VitePress takes as its sidebar. */
export interface SidebarItem {
  readonly text: string;
  readonly link?: string;
  readonly collapsed?: boolean;
  readonly items?: readonly SidebarItem[];
}

/** `README.md` is the front page; a README has the name of its folder, and of docs/ only what follows counts. */
function pageOf(file: string): Page {
  const path = file === 'README.md' ? 'index' : file.replace(/\/README\.md$|\.md$/, '').replace(/^docs\//, '');
  return { file, path: path.toLowerCase() };
}

/** All pages written by hand, in the order of the sidebar. A page of docs/ that is not named here is a guide. */
function sectionsOf(root: string): Section[] {
  const named = {
    Start: [
      'README.md',
      'docs/QUICKSTART.md',
      ...readPackages(root, 'examples').map(({ name }) => `examples/${name}/README.md`),
    ],
    Concepts: [
      'docs/ARCHITECTURE.md',
      'docs/pictures.md',
      'docs/screens.md',
      'docs/tour.md',
      'docs/cache-wire-format.md',
    ],
    Packages: publicPackages(root).flatMap(({ name }) => [`packages/${name}/README.md`, ...pagesOfPackage(root, name)]),
    Reference: ['docs/errors.md', 'docs/security.md'],
    Decisions: ['docs/design.md', 'docs/proof.md', 'docs/CONTRIBUTING.md', 'findings/README.md'],
  };
  const taken = new Set(Object.values(named).flat());
  const guides = filesUnder(join(root, 'docs'), (path) => path.endsWith('.md') && !path.includes('/.vitepress/'))
    .map((path) => path.slice(root.length + 1))
    .filter((file) => !taken.has(file));
  const { Start, ...rest } = named;
  return Object.entries({ Start, Guides: guides, ...rest }).map(([text, files]) => ({
    text,
    pages: files.filter((file) => existsSync(join(root, file))).map(pageOf),
  }));
}

/** What is too long for the README of a package: the pages of `docs/<name>/`, in the order in which it lists them. */
function pagesOfPackage(root: string, name: string): string[] {
  const files = filesUnder(join(root, 'docs', name), (path) => path.endsWith('.md'));
  if (files.length === 0) return [];
  const readme = readFileSync(join(root, 'packages', name, 'README.md'), 'utf8');
  const place = (file: string): number => readme.lastIndexOf(`(../../${file})`);
  return files.map((path) => relative(root, path)).toSorted((a, b) => place(a) - place(b));
}

/** The guides of one kind stand together: `migrating-from-x.md`. */
const GROUPS = { 'with-': 'With', 'coming-from-': 'Coming from', 'migrating-from-': 'Migrating from' };

export function sidebarOf(root: string): SidebarItem[] {
  return sectionsOf(root).map(({ text, pages }) => {
    const item = ({ file, path }: Page): SidebarItem => ({
      text: titleOf(readFileSync(join(root, file), 'utf8')),
      link: path === 'index' ? '/' : `/${path}`,
    });
    const groups = Object.entries(GROUPS).flatMap(([prefix, group]) => {
      const items = pages.filter(({ path }) => path.startsWith(`guides/${prefix}`)).map(item);
      const short = items.map((each) => ({ ...each, text: each.text.replace(`${group} `, '') }));
      return items.length === 0 ? [] : [{ text: group, collapsed: true, items: short }];
    });
    const alone = pages.filter(
      ({ path }) => !Object.keys(GROUPS).some((prefix) => path.startsWith(`guides/${prefix}`)),
    );
    if (text === 'Packages') return { text, collapsed: true, items: packagesOf(pages, item) };
    const reference = text === 'Reference' ? referenceOf(root) : [];
    return { text, collapsed: text !== 'Start', items: [...alone.map(item), ...groups, ...reference] };
  });
}

/** A package leads to its README, and holds the pages of `docs/<name>/`. */
function packagesOf(pages: readonly Page[], item: (page: Page) => SidebarItem): SidebarItem[] {
  return pages
    .filter(({ path }) => path.startsWith('packages/'))
    .map((readme) => {
      const items = pages.filter(({ path }) => path.startsWith(readme.path.replace('packages/', '') + '/')).map(item);
      return items.length === 0 ? item(readme) : { ...item(readme), collapsed: true, items };
    });
}

/** The pages that scripts/lib/reference.ts makes of doc comments: one for each subpath. */
function referenceOf(root: string): SidebarItem[] {
  return publicPackages(root).map((pkg) => ({
    text: pkg.manifest.name,
    collapsed: true,
    items: subpathsOf(pkg).map(({ specifier }) => ({ text: specifier, link: `/reference/${specifier}` })),
  }));
}

function titleOf(text: string): string {
  const [, title = ''] = /^# +(.+?) *$/m.exec(text) ?? [];
  return title.replaceAll('`', '');
}

/**
 * Writes the pages into a folder, each with its links as they lead in the site. A link to a file that is no page leads
 * to the repository, if package.json says where that is; otherwise its text stays, with the path of the file.
 */
export function writePages(root: string, folder: string, draw: (mermaid: string) => string): void {
  const pages = sectionsOf(root).flatMap((section) => section.pages);
  const paths = new Map(pages.map(({ file, path }) => [file, path]));
  const { repository } = readJson<{ repository?: { url: string } }>(join(root, 'package.json'));
  const browse = repository?.url.replace(/^git\+/, '').replace(/\.git$/, '');
  for (const { file, path } of pages) {
    const source = withDrawings(readFileSync(join(root, file), 'utf8'), join(root, dirname(file)));
    const text = withLinks(source, (target) => {
      const [to = '', anchor] = target.split('#');
      if (to === '') return target;
      const found = join(dirname(file), decodeURIComponent(to)).replace(/\/$/, '');
      if (found.endsWith('.png')) {
        // VitePress serves what is in this folder, and nothing that stands beside a page.
        mkdirSync(join(folder, 'public'), { recursive: true });
        copyFileSync(join(root, found), join(folder, 'public', basename(found)));
        return `/${basename(found)}`;
      }
      const page = paths.get(found) ?? paths.get(`${found}/README.md`);
      if (page === undefined) return browse === undefined ? { path: found } : `${browse}/blob/main/${found}`;
      return `/${page === 'index' ? '' : page}${anchor === undefined ? '' : `#${anchor}`}`;
    });
    const output = join(folder, `${path}.md`);
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(output, withPictures(text, draw));
  }
}

/** Puts drawings, `![What it shows](drawing.svg)` on a line of its own, into the page itself. */
function withDrawings(text: string, folder: string): string {
  return text.replace(/^!\[[^\]]*\]\(([^()\s:]+\.svg)\)$/gm, (_, path: string) => {
    return `<div class="drawing">\n${readFileSync(join(folder, path), 'utf8').trim()}\n</div>`;
  });
}

/** Replaces the targets of the links between files; one that is a path in a clone is told, and leads nowhere. */
function withLinks(text: string, map: (target: string) => string | { readonly path: string }): string {
  let result = text;
  for (const { target, index } of linksOf(text).toReversed()) {
    if (isForeign(target)) continue;
    const to = map(target);
    const end = index + ']('.length + target.length + 1;
    const start = result.lastIndexOf('[', index);
    const linked = result.slice(start + 1, index);
    const shown = typeof to === 'string' ? `[${linked}](${to})` : withPath(linked, to.path);
    result = `${result.slice(0, start)}${shown}${result.slice(end)}`;
  }
  return result;
}

/** The words of a link with the path that it had: `node.ts` is the path alone, and "one of those" has it behind. */
function withPath(words: string, path: string): string {
  const isPath = `/${path}`.endsWith(`/${words.replaceAll('`', '')}`);
  return isPath ? `\`${path}\`` : `${words} (\`${path}\`)`;
}

function withPictures(text: string, draw: (mermaid: string) => string): string {
  let styled = false;
  return text.replace(/^```mermaid\n([^]*?)^```$/gm, (_, source: string) => {
    const { svg, style } = partsOf(draw(source));
    const block = styled ? '' : `<style>\n${style}\n.picture svg { max-width: 100%; height: auto; }\n</style>\n\n`;
    styled = true;
    return `${block}<div class="picture">\n${svg}\n</div>`;
  });
}

/** A template of Vue takes no `<style>`, which is the same for all pictures: it goes to the page. */
function partsOf(svg: string): { svg: string; style: string } {
  const [whole = '', css = ''] = /<style>([^]*?)<\/style>/.exec(svg) ?? [];
  const style = css
    .replace(/^.*@import.*$/gm, '')
    .replace(/^(\s*)(text|svg)( [^{]*)?\{/gm, '$1.picture $2$3{')
    .replace(/'[^']*', system-ui, sans-serif/, 'inherit');
  return { svg: svg.replace(whole, '').replace(/^\s*\n/gm, ''), style };
}

/** What is wrong with the built site: links and anchors that lead nowhere, and what would be fetched from elsewhere. */
export function findDeadEnds(dist: string, base: string): string[] {
  const files = filesUnder(dist, () => true).map((path) => `/${relative(dist, path)}`);
  const pages = files.filter((file) => file.endsWith('.html'));
  const texts = new Map(pages.map((page) => [page, readFileSync(join(dist, page), 'utf8')]));
  const known = new Set(files);
  const ids = new Map(
    [...texts].map(([page, html]) => [page, new Set([...html.matchAll(/ id="([^"]+)"/g)].map(({ 1: id = '' }) => id))]),
  );
  const problems: string[] = [];
  for (const [page, html] of texts) {
    for (const { 1: tag = '', 2: target = '' } of html.matchAll(/<(\w+)\b[^>]*? (?:href|src)="([^"]+)"/g)) {
      if (isForeign(target)) {
        if (tag !== 'a') problems.push(`${page} fetches ${target}`);
        continue;
      }
      const [path = '', anchor] = target.split('#').map(decodeURIComponent);
      const absolute = path.startsWith(base) ? `/${path.slice(base.length)}` : join(dirname(page), path);
      const file = path === '' ? page : absolute;
      const found = [file, join(file, 'index.html')].find((each) => known.has(each));
      if (found === undefined) problems.push(`${page} links to ${target}, which is not there`);
      else if (anchor && ids.get(found)?.has(anchor) === false)
        problems.push(`${page} links to ${target}: no such heading`);
    }
  }
  for (const file of files.filter((each) => each.endsWith('.css'))) {
    const foreign = /(?:url\(|@import )["']?(?:https?:)?\/\/[^)"']+/.exec(readFileSync(join(dist, file), 'utf8'));
    if (foreign) problems.push(`${file} fetches ${foreign[0]}`);
  }
  return problems;
}
