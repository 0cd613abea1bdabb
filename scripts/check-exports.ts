// What a package promises and what it ships are the same: each subpath of `exports` is built, nothing else is, and the
// public names are those of exports.snapshot.json, so that none disappears unnoticed. `--update` writes the snapshots.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Finding, main } from './lib/findings.ts';
import { declarationOf, readModule } from './lib/imports.ts';
import { filesUnder, type Package, publicPackages, readJson, type Subpath, subpathsOf } from './lib/workspace.ts';

/** The public names of each subpath, sorted; types as `type Name`. */
type Snapshot = Record<string, string[]>;

const CONDITIONS = '@ent/source, types, default';

export function checkExports(root: string, { update }: { update: boolean }): Finding[] {
  const engines = readJson<{ engines: { node: string } }>(join(root, 'package.json')).engines.node;
  return publicPackages(root).flatMap((pkg) => {
    const manifest = checkManifest(root, pkg, engines);
    // What is not declared or built properly has no names to compare.
    if (manifest.length > 0) return manifest;
    return [...checkBuilt(root, pkg), ...checkNames(root, pkg, update)];
  });
}

function checkManifest(root: string, pkg: Package, engines: string): Finding[] {
  const path = join(pkg.dir, 'package.json');
  const file = relative(root, path);
  const text = readFileSync(path, 'utf8');
  const manifest = JSON.parse(text) as Record<string, unknown>;
  const findings: Finding[] = [];
  const expect = (ok: boolean, problem: string, fix: string, key?: string): void => {
    const at = key === undefined ? -1 : text.indexOf(`"${key}"`);
    if (!ok) findings.push({ file, line: at < 0 ? undefined : text.slice(0, at).split('\n').length, problem, fix });
  };
  const same = (key: string, value: unknown): void =>
    expect(
      JSON.stringify(manifest[key]) === JSON.stringify(value),
      `"${key}" is ${JSON.stringify(manifest[key])}`,
      `all packages have ${JSON.stringify(value)}`,
      key,
    );
  same('name', `@ent/${pkg.name}`);
  same('type', 'module');
  same('license', 'MIT');
  same('sideEffects', false);
  same('engines', { node: engines });
  same('files', ['dist', 'src', 'CHANGELOG.md']);
  same('publishConfig', { access: 'public' });
  const { description, keywords } = manifest as { description?: string; keywords?: string[] };
  expect((description ?? '') !== '', 'it has no "description"', 'npm shows it: say what the package is');
  expect((keywords ?? []).length > 0, 'it has no "keywords"', 'npm finds the package by them', 'description');
  const { './package.json': self, ...rest } = pkg.manifest.exports ?? {};
  expect(self === './package.json', '"./package.json" is not exported', 'tools read it: add it as it is', 'exports');
  for (const [subpath, target] of Object.entries(rest)) {
    const keys = typeof target === 'string' ? '' : Object.keys(target).join(', ');
    expect(
      keys === CONDITIONS,
      `"${subpath}" has ${keys || 'no conditions'}`,
      `it takes ${CONDITIONS}, in this order`,
      subpath,
    );
  }
  for (const { subpath, source, types, file: built } of subpathsOf(pkg)) {
    const name = source.replace(/^\.\/src\/|\.ts$/g, '');
    const [wantedTypes, wanted] = [`./dist/${name}.d.ts`, `./dist/${name}.js`];
    expect(
      existsSync(join(pkg.dir, source)),
      `"${subpath}" names ${source}, which does not exist`,
      'mend the path',
      subpath,
    );
    expect(
      types === wantedTypes && built === wanted,
      `"${subpath}" names ${types} and ${built}`,
      `${source} is built into ${wantedTypes} and ${wanted}`,
      subpath,
    );
  }
  return findings;
}

/** Both ways: what is declared was built, and what was built is declared. */
function checkBuilt(root: string, pkg: Package): Finding[] {
  const file = relative(root, join(pkg.dir, 'package.json'));
  const dist = join(pkg.dir, 'dist');
  const findings: Finding[] = [];
  const declared = new Set<string>();
  for (const { subpath, types, file: built } of subpathsOf(pkg)) {
    declared.add(join(pkg.dir, built));
    for (const target of [types, built]) {
      if (existsSync(join(pkg.dir, target))) continue;
      findings.push({ file, problem: `"${subpath}" names ${target}, which was not built`, fix: 'npm run build' });
    }
  }
  const stray = filesUnder(
    dist,
    (path) => path.endsWith('.js') && !/\/chunk-[^/]*$|\/[^/]*-[0-9A-Z]{8}\.js$/.test(path),
  );
  for (const path of stray.filter((each) => !declared.has(each))) {
    findings.push({
      file,
      problem: `${relative(pkg.dir, path)} was built and is in no subpath`,
      fix: 'declare it in exports, or build again from nothing',
    });
  }
  findings.push(...checkMaps(root, dist));
  const seen = new Set<string>();
  for (const { types } of subpathsOf(pkg)) checkDeclarations(root, join(pkg.dir, types), seen, findings);
  return findings;
}

/** A source map leads to what is published, or has it inside. */
function checkMaps(root: string, dist: string): Finding[] {
  return filesUnder(dist, (path) => path.endsWith('.map')).flatMap((path) => {
    const { sources, sourcesContent = [] } = readJson<{ sources: string[]; sourcesContent?: (string | null)[] }>(path);
    return sources.flatMap((source, at) => {
      const to = join(path, '..', source);
      const published = to.startsWith(join(dist, '..', 'src/')) && existsSync(to);
      if (published === (typeof sourcesContent[at] !== 'string')) return [];
      const problem = published
        ? `has ${source}, which is published too`
        : `leads to ${source}, which is not published`;
      return [{ file: relative(root, path), problem, fix: 'look at scripts/tsup-base.ts, and build again' }];
    });
  });
}

/** Declarations that users get mention nothing that is not published. */
function checkDeclarations(root: string, path: string, seen: Set<string>, findings: Finding[]): void {
  if (seen.has(path) || !existsSync(path)) return;
  seen.add(path);
  for (const { specifier, line } of readModule(path).imports) {
    if (/^@ent\/(internal|testkit)\b/.test(specifier)) {
      findings.push({
        file: relative(root, path),
        line,
        problem: `a public declaration names ${specifier}, which is not published`,
        fix: 'declare that type again in options.ts, and use it in the signature',
      });
    }
    if (specifier.startsWith('.')) checkDeclarations(root, declarationOf(path, specifier), seen, findings);
  }
}

function checkNames(root: string, pkg: Package, update: boolean): Finding[] {
  const path = join(pkg.dir, 'exports.snapshot.json');
  const file = relative(root, path);
  const findings: Finding[] = [];
  const now: Snapshot = {};
  for (const subpath of subpathsOf(pkg)) {
    if (!existsSync(join(pkg.dir, subpath.types)) || !existsSync(join(pkg.dir, subpath.file))) return [];
    now[subpath.subpath] = namesOf(join(pkg.dir, subpath.types));
    findings.push(...compareWithCode(root, pkg, subpath, now[subpath.subpath] as string[]));
  }
  if (update) {
    writeFileSync(path, `${JSON.stringify(now, null, 2)}\n`);
    return findings;
  }
  const before = existsSync(path) ? readJson<Snapshot>(path) : {};
  const fix = 'npm run check -- exports --update, and describe it in a changeset';
  for (const subpath of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [old, current] = [before[subpath] ?? [], now[subpath] ?? []];
    const specifier = `${pkg.manifest.name}${subpath.slice(1)}`;
    for (const name of old.filter((each) => !current.includes(each))) {
      findings.push({
        file,
        problem: `${specifier} no longer exports "${name}": that breaks whoever imports it`,
        fix: `export it again; or, if it is meant to go, ${fix}`,
      });
    }
    for (const name of current.filter((each) => !old.includes(each))) {
      findings.push({
        file,
        problem: `${specifier} exports "${name}", which is new`,
        fix: `if it is meant to be public: ${fix}`,
      });
    }
  }
  return findings;
}

/** The names that a declaration file exports, `export *` followed. */
function namesOf(path: string): string[] {
  const names = readModule(path).exports.flatMap(({ name, isType, from }) =>
    name === '*' && from?.startsWith('.') ? namesOf(declarationOf(path, from)) : [isType ? `type ${name}` : name],
  );
  return [...new Set(names)].sort();
}

/** The values of the declarations are the exports of the code. */
function compareWithCode(root: string, pkg: Package, { file, types }: Subpath, names: readonly string[]): Finding[] {
  const declared = names.filter((name) => !name.startsWith('type '));
  const actual = readModule(join(pkg.dir, file)).exports.map(({ name }) => name);
  const differs = [
    ...declared.filter((each) => !actual.includes(each)),
    ...actual.filter((each) => !declared.includes(each)),
  ];
  return differs.map((name) => ({
    file: relative(root, join(pkg.dir, types)),
    problem: `"${name}" is ${actual.includes(name) ? `exported by ${file}, and not declared` : `declared, and not exported by ${file}`}`,
    fix: 'npm run build; a type is exported as `export type`',
  }));
}

if (import.meta.main) await main(checkExports);
