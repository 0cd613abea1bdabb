import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageOf, readModule } from './imports.ts';
import { headOf } from './purpose.ts';
import { type Package, subpathsOf } from './workspace.ts';

/** A driver that a package exports. */
export interface Driver {
  /** `redis`. */
  readonly name: string;
  /** `@ent/cache/redis`. */
  readonly specifier: string;
  /** Relative to the package. */
  readonly source: string;
  /** What its file says first. Undefined where that is nothing. */
  readonly purpose: string | undefined;
  /** The optional peers that its files import, with their ranges. */
  readonly needs: readonly string[];
  /** Undefined where it exports no `<name>Features`. */
  readonly features: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The drivers of a package: the subpaths of its `exports` whose sources are in `src/drivers/`. A subpath that is named
 * after a driver, as `redis-extras` is after `redis`, comes with it and is none.
 */
export async function readDrivers(pkg: Package): Promise<Driver[]> {
  const drivers = subpathsOf(pkg)
    .map(({ subpath, specifier, source }) => ({ name: subpath.slice('./'.length), specifier, source: join(source) }))
    .filter(({ source }) => source.startsWith('src/drivers/'));
  const own = drivers.filter(({ name }) => !drivers.some((other) => name.startsWith(`${other.name}-`)));
  return Promise.all(
    own.map(async (driver) => {
      const path = join(pkg.dir, driver.source);
      const module = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
      return {
        ...driver,
        purpose: headOf(readFileSync(path, 'utf8')),
        needs: needsOf(pkg, path),
        features: module[featuresName(driver.name)] as Driver['features'],
      };
    }),
  );
}

/** `redis-cluster` exports `redisClusterFeatures`. */
export function featuresName(driver: string): string {
  return `${driver.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}Features`;
}

/** What a driver's files import of the package's peers. */
function needsOf({ dir, manifest: { peerDependencies = {} } }: Package, entry: string): string[] {
  const names = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path) || !existsSync(path)) return;
    seen.add(path);
    for (const { specifier } of readModule(path).imports) {
      const target = join(path, '..', specifier);
      if (!specifier.startsWith('.')) names.add(packageOf(specifier) ?? '');
      else if (relative(dir, target).startsWith('src/')) visit(target);
    }
  };
  visit(entry);
  return Object.entries(peerDependencies).flatMap(([name, range]) => (names.has(name) ? `${name} ${range}` : []));
}
