import { type Node, parseProgram } from '../lib/imports.ts';

/** The function that marks call; whoever loads a marked program puts it on `globalThis`. */
export const MARK = '__entered';

/**
 * A JavaScript program with a mark at the entry of each function: `__entered(7)` in the one whose name, or undefined
 * where it has none, is the answer's `names[7 - first]`. Each line stays the line that it was.
 */
export function withMarks(
  path: string,
  source: string,
  first: number,
): { code: string; names: (string | undefined)[] } {
  const names: (string | undefined)[] = [];
  const insertions: (readonly [at: number, text: string])[] = [];
  const visit = (node: unknown, name?: string, owner?: string): void => {
    if (Array.isArray(node)) for (const each of node) visit(each, undefined, owner);
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
    const current = node as Node;
    if (FUNCTIONS.has(current.type)) {
      const mark = `${MARK}(${first + names.length})`;
      names.push(nameIn(current['id']) ?? name);
      const body = current['body'] as Node & { readonly end: number };
      if (body.type === 'BlockStatement') insertions.push([body.start + 1, `${mark};`]);
      else insertions.push([body.start, `(${mark},`], [body.end, ')']);
    }
    const isClass = current.type === 'ClassDeclaration' || current.type === 'ClassExpression';
    const around = isClass ? (nameIn(current['id']) ?? name) : owner;
    for (const [key, value] of Object.entries(current)) visit(value, nameFor(current, key, around), around);
  };
  visit(parseProgram(path, source).program);
  return { code: inserted(source, insertions), names };
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
