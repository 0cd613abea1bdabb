import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import { lineOf } from './workspace.ts';

/** One module that a file names. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `type`: gone after compilation. `dynamic`: `import()`. */
  readonly kind: 'value' | 'type' | 'dynamic';
}

/** One name that a file exports. */
export interface Export {
  /** `*` for `export *`. */
  readonly name: string;
  readonly isType: boolean;
  readonly line: number;
  /** The module that it comes from. Undefined where it is declared here, or imported first. */
  readonly from: string | undefined;
}

export interface Module {
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  /** Whether each statement of the file is an export of something from elsewhere. */
  readonly onlyReexports: boolean;
}

/** An AST node, as far as {@link walk} knows it. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

const known = new Map<string, Module>();

/** What a TypeScript or JavaScript file imports and exports, by a parser. */
export function readModule(path: string): Module {
  let module = known.get(path);
  if (!module) {
    module = parse(path, readFileSync(path, 'utf8'));
    known.set(path, module);
  }
  return module;
}

function parse(path: string, source: string): Module {
  const { module, program } = parseProgram(path, source);
  const imports: Import[] = [];
  const exports: Export[] = [];
  for (const { moduleRequest, entries } of module.staticImports) {
    const isType = entries.length > 0 && entries.every((entry) => entry.isType);
    imports.push({
      specifier: moduleRequest.value,
      line: lineOf(source, moduleRequest.start),
      kind: isType ? 'type' : 'value',
    });
  }
  // `export declare const x` in a declaration file counts as a type for the parser, and is a value for users.
  const types = new Set(['TSInterfaceDeclaration', 'TSTypeAliasDeclaration']);
  const values = new Set<number>();
  for (const statement of program.body) {
    if (statement.type !== 'ExportNamedDeclaration' || !statement.declaration) continue;
    if (!types.has(statement.declaration.type)) values.add(statement.start);
  }
  for (const { start, entries } of module.staticExports) {
    for (const entry of entries) {
      const line = lineOf(source, entry.start);
      const from = entry.moduleRequest?.value;
      if (from !== undefined) imports.push({ specifier: from, line, kind: entry.isType ? 'type' : 'value' });
      const all = entry.importName.kind === 'AllButDefault';
      const name = all ? '*' : entry.exportName.kind === 'Default' ? 'default' : (entry.exportName.name ?? '*');
      exports.push({ name, isType: entry.isType && !values.has(start), line, from });
    }
  }
  // `import('x')`, `require('x')`, and the type `import('x').Y`.
  walk(program, (node) => {
    const [argument, kind] =
      node.type === 'ImportExpression'
        ? [node['source'], 'dynamic' as const]
        : node.type === 'TSImportType'
          ? [node['source'] ?? node['argument'], 'type' as const]
          : node.type === 'CallExpression' && (node['callee'] as Node & { name?: string }).name === 'require'
            ? [(node['arguments'] as Node[])[0], 'value' as const]
            : [undefined, 'value' as const];
    const literal = (argument as { literal?: Node } | undefined)?.literal ?? argument;
    const specifier = (literal as { value?: unknown } | undefined)?.value;
    if (typeof specifier === 'string') imports.push({ specifier, line: lineOf(source, node.start), kind });
  });
  const onlyReexports = program.body.every(
    (statement) => statement.type === 'ExportNamedDeclaration' && statement.source !== null,
  );
  return { imports, exports, onlyReexports };
}

export function parseProgram(path: string, source: string): ReturnType<typeof parseSync> {
  const result = parseSync(path, source);
  const [error] = result.errors;
  if (error) throw new Error(`${path} cannot be parsed: ${error.message}`);
  return result;
}

/** Visits each node of a syntax tree. */
export function walk(node: unknown, visit: (node: Node) => void): void {
  if (typeof node !== 'object' || node === null) return;
  if (Array.isArray(node)) {
    for (const each of node) walk(each, visit);
    return;
  }
  if (typeof (node as Node).type === 'string') visit(node as Node);
  for (const value of Object.values(node)) walk(value, visit);
}

/**
 * The name of the package in a specifier: `@a/b/c` is `@a/b`, `x/y` is `x`;
 * undefined for files and for Node's own modules.
 */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('/') || specifier.startsWith('node:')) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The declaration file that `./x.ts` or `./x.js` means in another one. */
export function declarationOf(from: string, specifier: string): string {
  return join(from, '..', specifier.replace(/\.[jt]s$/, '.d.ts'));
}
