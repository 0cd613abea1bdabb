/** Makes a row of its values, in the order of its columns. */
export type RowMaker = (values: readonly unknown[]) => Record<string, unknown>;

/**
 * What a text of code gives for these constants, which it has as `c0`, `c1` and so on. A row whose members stand in the
 * code is made and read in a fraction of the time of one whose members are looked up by their names. Undefined where
 * code must not be made of text (`--disallow-code-generation-from-strings`).
 */
export function compiled<T>(source: string, constants: readonly unknown[] = []): T | undefined {
  const names = constants.map((_constant, index) => `c${index}`);
  try {
    // Names of fields and columns are in it as JSON, everything else as a constant: no part of an entity is code.
    // oxlint-disable-next-line typescript/no-implied-eval -- see above
    const make = new Function(...names, `'use strict';\n${source}`) as (...values: readonly unknown[]) => T;
    return make(...constants);
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

/** As members of an object. Undefined for what would set its prototype. */
export function membersOf(names: readonly string[]): readonly string[] | undefined {
  return names.includes('__proto__') ? undefined : names.map((name) => JSON.stringify(name));
}

/** For a statement that comes once. */
export function loopingRowMaker(columns: readonly string[]): RowMaker {
  return (values) => {
    const row: Record<string, unknown> = {};
    for (let index = 0; index < columns.length; index += 1) row[columns[index] as string] = values[index];
    return row;
  };
}

/** For a statement that comes again: those that answer the same columns share it. */
export const rowMaker = sharedBy((columns: readonly string[]): RowMaker => {
  const members = membersOf(columns)?.map((name, index) => `${name}: v[${index}]`);
  const maker = members && compiled<RowMaker>(`return (v) => ({ ${members.join()} });`);
  return maker ?? loopingRowMaker(columns);
});

/** Statements with the same columns share what is made of these, the last few hundred of them. */
export function sharedBy<Column, Made>(make: (columns: readonly Column[]) => Made) {
  const known = new Map<string, Made>();
  return (columns: readonly Column[]): Made => {
    const key = JSON.stringify(columns);
    if (!known.has(key)) {
      if (known.size >= MOST) known.clear();
      known.set(key, make(columns));
    }
    return known.get(key) as Made;
  };
}

const MOST = 500;
