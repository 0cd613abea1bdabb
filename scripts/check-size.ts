// What an application gets by each subpath with its own peers: how many packages, and how much on the disk. The table
// in docs/size.md is the mark as well: a package more, or a tenth more on the disk, fails. `--update` writes it.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withBlock } from './lib/block.ts';
import { entriesOf } from './lib/entries.ts';
import { type Finding, main } from './lib/findings.ts';
import { closureOf, sizeOf } from './lib/installed.ts';
import { filesUnder, type Package, publicPackages } from './lib/workspace.ts';

const PAGE = join('docs', 'size.md');
/** What a subpath looks for at run time, where an application has it. */
const PAGES = { '@ent/http/docs': ['swagger-ui-dist', 'redoc'] };

interface Row {
  readonly what: string;
  readonly packages: number;
  readonly kilobytes: number;
}

export function checkSize(root: string, { update }: { update: boolean }): Finding[] {
  const page = join(root, PAGE);
  const text = existsSync(page) ? readFileSync(page, 'utf8') : '';
  const before = update ? new Map<string, Row>() : new Map(read(text).map((row) => [row.what, row]));
  const packages = publicPackages(root);
  const ours = new Map(packages.map((pkg) => [pkg.dir, pkg]));
  const rows = packages.flatMap((pkg) => rowsOf(pkg, ours));
  if (update) {
    writeFileSync(page, write(text, rows, packages));
    return [];
  }
  const fix = 'leave it out; or, where it is worth it, npm run check -- size --update, with the reason in the commit';
  return rows.flatMap((row) => {
    const mark = before.get(row.what);
    if (mark === undefined) return [{ file: PAGE, problem: `has no row for ${row.what}`, fix }];
    const more = `${row.what} installs ${row.packages} packages of ${row.kilobytes} kB`;
    const marked = `the mark is ${mark.packages} of ${mark.kilobytes} kB`;
    const worse = row.packages > mark.packages || row.kilobytes > Math.ceil(mark.kilobytes * 1.1);
    return worse ? [{ file: PAGE, problem: `${more}; ${marked}`, fix }] : [];
  });
}

/** One for the subpaths of a package that need the same, named by the first of them and what it is installed with. */
function rowsOf(pkg: Package, ours: ReadonlyMap<string, Package>): Row[] {
  const rows = new Map<string, Row>();
  for (const { specifier, peers, typePeers } of entriesOf(pkg)) {
    const wanted = [[...new Set([...peers, ...typePeers])].sort()];
    for (const page of PAGES[specifier as keyof typeof PAGES] ?? []) wanted.push([page]);
    for (const own of wanted) {
      const key = own.join(', ');
      if (rows.has(key)) continue;
      const installed = closureOf(pkg.dir, own);
      const bytes = [...installed]
        .map((dir) => (ours.has(dir) ? publishedOf(ours.get(dir)!) : sizeOf(dir)))
        .reduce(add);
      const what =
        own.length === 0 ? `\`${specifier}\`` : `\`${specifier}\` with ${own.map((name) => `\`${name}\``).join(', ')}`;
      rows.set(key, { what, packages: installed.size, kilobytes: Math.round(bytes / 1000) });
    }
  }
  return [...rows.values()];
}

const add = (a: number, b: number): number => a + b;

/** What npm unpacks of a package of ours. */
function publishedOf({ dir }: Package, keep: (path: string) => boolean = () => true): number {
  const files = ['dist', 'src'].flatMap((folder) => filesUnder(join(dir, folder), keep));
  return files.map((path) => statSync(path).size).reduce(add, 0);
}

const HEAD = `| what is installed | packages | kB on the disk |
| --- | ---: | ---: |`;

function write(text: string, rows: readonly Row[], packages: readonly Package[]): string {
  const table = [HEAD, ...rows.map(({ what, packages: count, kilobytes }) => `| ${what} | ${count} | ${kilobytes} |`)];
  const own = packages.map((pkg) => {
    const kB = (keep: (path: string) => boolean): number => Math.round(publishedOf(pkg, keep) / 1000);
    const code = kB((path) => path.endsWith('.js'));
    const types = kB((path) => path.includes('/dist/') && path.endsWith('.d.ts'));
    const maps = kB((path) => path.endsWith('.map'));
    const sources = kB((path) => path.startsWith(join(pkg.dir, 'src')));
    return `| \`${pkg.manifest.name}\` | ${code} | ${types} | ${maps} | ${sources} |`;
  });
  const parts = ['| package | code | declarations | maps | sources |', '| --- | ---: | ---: | ---: | ---: |', ...own];
  return withBlock(withBlock(text, 'entries', `${table.join('\n')}\n`), 'parts', `${parts.join('\n')}\n`);
}

function read(text: string): Row[] {
  return [...text.matchAll(/^\| (`@ent\/.*?) \| (\d+) \| (\d+) \|$/gm)].map(([, what = '', packages, kilobytes]) => ({
    what,
    packages: Number(packages),
    kilobytes: Number(kilobytes),
  }));
}

if (import.meta.main) await main(checkSize);
