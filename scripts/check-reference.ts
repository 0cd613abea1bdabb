// Each public name of each subpath has a doc comment, of which the API reference is made.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { commentBefore } from './lib/doc-comments.ts';
import { type Finding, main } from './lib/findings.ts';
import { type Node, parseProgram, readModule } from './lib/imports.ts';
import { lineOf, publicPackages, subpathsOf } from './lib/workspace.ts';

interface Declaration {
  readonly file: string;
  readonly line: number;
  readonly documented: boolean;
}

export function checkReference(root: string): Finding[] {
  const findings = new Map<string, Finding>();
  for (const pkg of publicPackages(root)) {
    for (const { specifier, source } of subpathsOf(pkg)) {
      for (const { name, declaration } of namesOf(join(pkg.dir, source))) {
        if (declaration === undefined || declaration.documented) continue;
        const { file, line } = declaration;
        findings.set(`${file}:${name}`, {
          file: relative(root, file),
          line,
          problem: `"${name}", which ${specifier} exports, has no doc comment`,
          fix: 'say what it is for, and of what users call first, show it at work',
        });
      }
    }
  }
  return [...findings.values()];
}

/** What a file exports, `export *` followed, and where it is declared; undefined for what another package declares. */
function namesOf(path: string): { name: string; declaration: Declaration | undefined }[] {
  return readModule(path).exports.flatMap(({ name, from }) =>
    name === '*' && from?.startsWith('.') ? namesOf(join(path, '..', from)) : [{ name, declaration: find(path, name) }],
  );
}

function find(path: string, name: string): Declaration | undefined {
  const source = readFileSync(path, 'utf8');
  const { program, comments } = parseProgram(path, source);
  const statements = program.body as unknown as Node[];
  const declared = statements.filter((statement) => namesIn(statement).includes(name));
  if (declared.length > 0) {
    // One comment serves all overloads, and an interface that has the name of a class or a constant.
    const documented = declared.some((statement) => commentBefore(source, comments, statement) !== undefined);
    return { file: path, line: lineOf(source, declared[0]!.start), documented };
  }
  const next = originOf(statements, name);
  return next?.from.startsWith('.') === true ? find(join(path, '..', next.from), next.name) : undefined;
}

/** The names that a statement declares. */
function namesIn(statement: Node): string[] {
  const declaration = (statement['declaration'] ?? statement) as Node & { declarations?: Node[] };
  const named = declaration.declarations ?? [declaration];
  return named.flatMap((each) => (each['id'] as { name?: string } | null | undefined)?.name ?? []);
}

/** The file that a name comes from, by an export or an import, and what it is called there. */
function originOf(statements: readonly Node[], name: string): { from: string; name: string } | undefined {
  for (const statement of statements) {
    const from = (statement['source'] as { value: string } | null | undefined)?.value;
    if (from === undefined) continue;
    for (const { exported, imported, local } of (statement['specifiers'] ?? []) as Record<string, { name: string }>[]) {
      if (statement.type === 'ImportDeclaration' && local?.name === name) return { from, name: imported?.name ?? name };
      if (statement.type !== 'ImportDeclaration' && exported?.name === name) return { from, name: local?.name ?? name };
    }
  }
  return undefined;
}

if (import.meta.main) await main(checkReference);
