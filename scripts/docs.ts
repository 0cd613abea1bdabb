// The site of the documentation: `npm run docs` builds it into docs/dist/site, of the Markdown in docs/ and the README
// files, and of the doc comments. It is static, and fetches nothing from elsewhere. A link that leads nowhere fails it.
// `npm run docs -- --preview` then serves it; `npm run docs -- --screens` takes the pictures of docs/screens.md anew.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { writeReference } from './lib/reference.ts';
import { takeScreens } from './lib/screens.ts';
import { findDeadEnds, writePages } from './lib/site.ts';
import { installTools } from './lib/tools.ts';

/** As far as they are used here. */
interface Mermaid {
  readonly renderMermaidSVG: (source: string, look: typeof LOOK) => string;
}
interface VitePress {
  readonly build: (root: string) => Promise<void>;
  readonly serve: (options: { root: string }) => Promise<void>;
}

const root = join(import.meta.dirname, '..');
const docs = join(root, 'docs');
/** The colours of the page, light and dark. */
const LOOK = { bg: 'var(--vp-c-bg)', fg: 'var(--vp-c-text-1)', muted: 'var(--vp-c-text-2)', transparent: true };

const FLAG = { type: 'boolean', default: false } as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { preview: FLAG, screens: FLAG } });
  if (values.screens) await takeScreens(join(docs, 'screens'));
  const tool = await installTools();
  const load = async <T>(path: string): Promise<T> => (await import(pathToFileURL(tool(path)).href)) as T;
  const { renderMermaidSVG } = await load<Mermaid>('beautiful-mermaid/dist/index.js');
  const { build, serve } = await load<VitePress>('vitepress/dist/node/index.js');

  const pages = join(docs, 'dist', 'pages');
  rmSync(pages, { recursive: true, force: true });
  writePages(root, pages, (source) => renderMermaidSVG(source, LOOK));
  await writeReference(root, pages, tool);
  await build(docs);

  const problems = findDeadEnds(join(docs, 'dist', 'site'), process.env['DOCS_BASE'] ?? '/');
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) return 1;
  console.log('The site is in docs/dist/site.');
  if (values.preview) await serve({ root: docs });
  return 0;
}

process.exitCode = await main();
