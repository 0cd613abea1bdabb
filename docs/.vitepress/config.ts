// `npm run docs` writes the pages into docs/dist/pages, and builds them with this. Nothing is imported of VitePress,
// which is one of the tools in scripts/tools.
import { join } from 'node:path';
import { slugOf } from '../../scripts/lib/markdown.ts';
import { sidebarOf } from '../../scripts/lib/site.ts';

const root = join(import.meta.dirname, '..', '..');

export default {
  title: '@ent',
  description: 'Small npm packages that give Node services one API per concern, and no framework.',
  lang: 'en',
  srcDir: 'dist/pages',
  outDir: 'dist/site',
  cacheDir: 'dist/cache',
  // Of the place where the site is published, as /ent/.
  base: process.env['DOCS_BASE'] ?? '/',
  appearance: true,
  // An address on the reader's own machine, such as a Collector's, becomes a link by itself.
  ignoreDeadLinks: 'localhostLinks',
  // Anchors as GitHub makes them, so that a link in the repository is one in the site.
  markdown: { anchor: { slugify: slugOf } },
  themeConfig: {
    search: { provider: 'local' },
    sidebar: sidebarOf(root),
    outline: [2, 3],
    nav: [
      { text: 'Quickstart', link: '/quickstart' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Errors', link: '/errors' },
    ],
  },
};
