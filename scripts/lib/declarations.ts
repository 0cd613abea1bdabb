import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { declarationOf, type Node, parseProgram, walk } from './imports.ts';
import { type Package, subpathsOf } from './workspace.ts';

/** What one declaration file declares, and what it has from elsewhere. */
interface Scope {
  readonly declared: ReadonlyMap<string, readonly string[]>;
  /** The local names that each declaration speaks of, and the types that it imports in place. */
  readonly mentions: ReadonlyMap<string, readonly string[]>;
  /** Where other names come from: files of the package, and what they are called there. */
  readonly origins: ReadonlyMap<string, { path: string; name: string }>;
  readonly exported: ReadonlyMap<string, string>;
  readonly stars: readonly string[];
}

/**
 * The declarations that users of a package can see, by name, without comments: those that its subpaths export, and
 * those that these speak of. Read from what was built.
 */
export function publicDeclarations(pkg: Package): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const seen = new Set<string>();
  const add = (path: string, name: string): void => {
    const key = `${path}#${name}`;
    if (seen.has(key) || !existsSync(path)) return;
    seen.add(key);
    const scope = scopeOf(path);
    for (const text of scope.declared.get(name) ?? []) found.set(name, [...(found.get(name) ?? []), text].sort());
    for (const mentioned of scope.mentions.get(name) ?? []) add(path, mentioned);
    const origin = scope.origins.get(name);
    if (origin !== undefined) add(origin.path, origin.name);
  };
  const addExports = (path: string): void => {
    if (!existsSync(path)) return;
    const { exported, stars } = scopeOf(path);
    for (const local of exported.values()) add(path, local);
    for (const star of stars) addExports(star);
  };
  for (const { types } of subpathsOf(pkg)) addExports(join(pkg.dir, types));
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const scopes = new Map<string, Scope>();

function scopeOf(path: string): Scope {
  const known = scopes.get(path);
  if (known !== undefined) return known;
  const source = readFileSync(path, 'utf8');
  const { program, comments } = parseProgram(path, source);
  const declared = new Map<string, string[]>();
  const mentions = new Map<string, string[]>();
  const origins = new Map<string, { path: string; name: string }>();
  const exported = new Map<string, string>();
  const stars: string[] = [];
  for (const statement of program.body as unknown as (Node & { readonly end: number })[]) {
    const from = (statement['source'] as { value: string } | null | undefined)?.value;
    const file = from?.startsWith('.') === true ? declarationOf(path, from) : undefined;
    if (statement.type === 'ExportAllDeclaration') {
      if (file !== undefined) stars.push(file);
      continue;
    }
    for (const { local, imported, exported: as } of (statement['specifiers'] ?? []) as Names[]) {
      const here = from === undefined ? local.name : `${from}#${local.name}`;
      if (statement.type === 'ExportNamedDeclaration') exported.set(as!.name, here);
      if (file === undefined) continue;
      if (statement.type === 'ExportNamedDeclaration') origins.set(here, { path: file, name: local.name });
      else origins.set(local.name, { path: file, name: imported?.name ?? local.name });
    }
    const declaration = (statement['declaration'] ?? statement) as Node & { declarations?: Node[] };
    const names = (declaration.declarations ?? [declaration]).flatMap(
      (each) => (each['id'] as { name?: string } | null | undefined)?.name ?? [],
    );
    for (const name of names) {
      declared.set(name, [...(declared.get(name) ?? []), textOf(source, statement, comments)]);
      if (statement.type === 'ExportNamedDeclaration') exported.set(name, name);
      walk(declaration, (node) => {
        const inPlace = node.type === 'TSImportType' ? inPlaceOf(node, path) : undefined;
        if (inPlace !== undefined) origins.set(`${inPlace.path}#${inPlace.name}`, inPlace);
        const mentioned = inPlace ? `${inPlace.path}#${inPlace.name}` : node.type === 'Identifier' && node['name'];
        if (typeof mentioned === 'string') mentions.set(name, [...(mentions.get(name) ?? []), mentioned]);
      });
    }
  }
  const scope = { declared, mentions, origins, exported, stars };
  scopes.set(path, scope);
  return scope;
}

interface Names {
  readonly local: { readonly name: string };
  readonly imported?: { readonly name: string };
  readonly exported?: { readonly name: string };
}

/** `import('./x.ts').Name`. */
function inPlaceOf(node: Node, path: string): { path: string; name: string } | undefined {
  const specifier = (node['source'] as { value?: string } | undefined)?.value;
  const name = (node['qualifier'] as { name?: string } | null | undefined)?.name;
  if (specifier === undefined || name === undefined || !specifier.startsWith('.')) return undefined;
  return { path: declarationOf(path, specifier), name };
}

/** A declaration as it counts: without comments, modifiers of the module, and what is private. */
function textOf(
  source: string,
  { start, end }: { start: number; end: number },
  comments: readonly { start: number; end: number }[],
): string {
  let text = '';
  let at = start;
  for (const comment of comments.filter((each) => each.start >= start && each.end <= end)) {
    text += source.slice(at, comment.start);
    at = comment.end;
  }
  text += source.slice(at, end);
  return text
    .replace(/^(export )?(declare )?/, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(#private|private )/.test(line))
    .join('\n');
}
