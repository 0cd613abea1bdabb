import type { ConfigFault } from '../options.ts';

/** What is wrong so far. */
export class Faults {
  readonly #list: ConfigFault[] = [];

  /** Adds a fault, unless it is known: two checks of one setting can expect the same. */
  add(fault: ConfigFault): void {
    if (this.#list.some((each) => each.variable === fault.variable && each.expected === fault.expected)) return;
    this.#list.push(fault);
  }

  get size(): number {
    return this.#list.length;
  }

  get list(): readonly ConfigFault[] {
    return this.#list;
  }

  /** Whether something is already known to be wrong with a variable, so that what follows from it is not told too. */
  has(variable: string): boolean {
    return this.#list.some((fault) => fault.variable === variable);
  }
}

/** The report: one line a fault. */
export function reportOf(faults: readonly ConfigFault[]): string {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  const lines = faults.map(({ variable, source, expected, suggestion }) => {
    const hint = suggestion === undefined ? '' : `: did you mean ${suggestion}?`;
    return `  ${variable} (${source}): ${expected}${hint}`;
  });
  return [`The configuration has ${count}:`, ...lines].join('\n');
}
