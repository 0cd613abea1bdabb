import { type Node, parseProgram } from '../lib/imports.ts';

/** The function that marks call; whoever loads a marked program puts it on `globalThis`. */
export const MARK = '__entered';

/** A function of a program. */
export interface Marked {
  /** `View.read` in a class; undefined where it has none. */
  readonly name: string | undefined;
  /** Where it stands in the program without marks. */
  readonly start: number;
  readonly end: number;
}

/**
 * A JavaScript program with a mark at the entry of each function: `__entered(7)` in the one that is the answer's
 * `functions[7 - first]`.
 */
export function withMarks(path: string, source: string, first: number): { code: string; functions: Marked[] } {
  const functions: Marked[] = [];
  const insertions: (readonly [at: number, text: string])[] = [];
  const visit = (node: unknown, name?: string, owner?: string): void => {
    if (Array.isArray(node)) for (const each of node) visit(each, undefined, owner);
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
    const current = node as Node & { readonly end: number };
    if (FUNCTIONS.has(current.type)) {
      const mark = `${MARK}(${first + functions.length})`;
      functions.push({ name: nameIn(current['id']) ?? name, start: current.start, end: current.end });
      const body = current['body'] as Node & { readonly end: number };
      if (body.type === 'BlockStatement') insertions.push([body.start + 1, `${mark};`]);
      else insertions.push([body.start, `(${mark},`], [body.end, ')']);
    }
    const isClass = current.type === 'ClassDeclaration' || current.type === 'ClassExpression';
    const around = isClass ? (nameIn(current['id']) ?? name) : owner;
    for (const [key, value] of Object.entries(current)) visit(value, nameFor(current, key, around), around);
  };
  visit(parseProgram(path, source).program);
  return { code: inserted(source, insertions), functions };
}

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** The name that a function without one gets from where it stands: a variable, a property, a member of a class. */
function nameFor(parent: Node, key: string, owner: string | undefined): string | undefined {
  if (parent.type === 'VariableDeclarator' && key === 'init') return nameIn(parent['id']);
  if (parent.type === 'AssignmentExpression' && key === 'right') return nameIn(parent['left']);
  if (key !== 'value' || parent['computed'] === true) return undefined;
  const name = parent['kind'] === 'constructor' ? 'constructor' : nameIn(parent['key']);
  const isMember = parent.type === 'MethodDefinition' || parent.type === 'PropertyDefinition';
  return isMember && owner !== undefined ? `${owner}.${name}` : name;
}

function nameIn(node: unknown): string | undefined {
  const { type, name, property } = (node ?? {}) as { type?: string; name?: string; property?: unknown };
  if (type === 'Identifier') return name;
  if (type === 'PrivateIdentifier') return `#${name}`;
  return type === 'MemberExpression' ? nameIn(property) : undefined;
}

function inserted(source: string, insertions: readonly (readonly [at: number, text: string])[]): string {
  let code = '';
  let from = 0;
  // The sort is stable: what stands at one place keeps the order in which it was found.
  for (const [at, text] of insertions.toSorted(([a], [b]) => a - b)) {
    code += source.slice(from, at) + text;
    from = at;
  }
  return code + source.slice(from);
}
