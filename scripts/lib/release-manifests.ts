import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { isForeign, linksOf } from './markdown.ts';
import { publicPackages, readJson } from './workspace.ts';

/** Where the repository is to be read, by the one field that says it; undefined as long as it has no public address. */
export function repositoryOf(root: string): string | undefined {
  const { repository } = readJson<{ repository?: string | { url: string } }>(join(root, 'package.json'));
  const url = typeof repository === 'string' ? repository : repository?.url;
  return url?.replace(/^git\+/, '').replace(/\.git$/, '');
}

/**
 * Writes into each package what npm shows of it and what depends on where the repository is: `repository`, `homepage`,
 * `bugs`, provenance, and README and changelog with absolute links. For a checkout that is about to be packed; it is
 * not committed.
 */
export function prepareManifests(root: string, repository: string): void {
  for (const { dir, manifest } of publicPackages(root)) {
    const directory = relative(root, dir);
    const complete = {
      ...manifest,
      repository: { type: 'git', url: `git+${repository}.git`, directory },
      homepage: `${repository}/tree/main/${directory}#readme`,
      bugs: `${repository}/issues`,
      publishConfig: { access: 'public', provenance: true },
    };
    writeFileSync(join(dir, 'package.json'), `${JSON.stringify(complete, null, 2)}\n`);
    for (const name of ['README.md', 'CHANGELOG.md']) {
      const path = join(dir, name);
      if (existsSync(path)) writeFileSync(path, withAbsoluteLinks(readFileSync(path, 'utf8'), path, root, repository));
    }
  }
}

/** The text of a file of the repository as it can be read elsewhere. */
function withAbsoluteLinks(text: string, path: string, root: string, repository: string): string {
  let result = text;
  for (const { target, index } of linksOf(text).toReversed()) {
    if (isForeign(target) || target.startsWith('#')) continue;
    const [file = '', anchor] = target.split('#');
    const found = relative(root, join(dirname(path), decodeURIComponent(file)));
    const start = index + ']('.length;
    // A picture is shown, and a page is led to.
    const kind = /\.(png|svg|gif|jpe?g)$/i.test(found) ? 'raw' : 'blob';
    const absolute = `${repository}/${kind}/main/${found}${anchor === undefined ? '' : `#${anchor}`}`;
    result = `${result.slice(0, start)}${absolute}${result.slice(start + target.length)}`;
  }
  return result;
}
