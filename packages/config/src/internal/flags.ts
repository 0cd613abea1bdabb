import { parseArgs, type ParseArgsConfig } from 'node:util';
import type { Faults } from './faults.ts';
import { nearest } from './names.ts';
import type { Leaf, Plan } from './schema.ts';

/** `DATABASE__POOL_SIZE` as a flag: `database.pool-size`. */
function flagOf(name: string, prefix: string): string {
  return name
    .slice(name.startsWith(prefix) ? prefix.length : 0)
    .toLowerCase()
    .replaceAll('__', '.')
    .replaceAll('_', '-');
}

/** Reads command-line flags with Node's own parser. Positional arguments are left to the application. */
export function readFlags(
  argv: readonly string[],
  plan: Plan,
  prefix: string,
  faults: Faults,
  set: (leaf: Leaf, value: string, flag: string) => void,
): void {
  const flags = new Map(plan.leaves.map((leaf) => [flagOf(leaf.name, prefix), leaf]));
  const options: NonNullable<ParseArgsConfig['options']> = {};
  // Node's own allowNegative would take the "no-" off a flag that is called "no-cache", too.
  for (const [flag, { kind }] of flags) if (kind === 'boolean') options[`no-${flag}`] = { type: 'boolean' };
  for (const [flag, { kind }] of flags) options[flag] = { type: kind === 'boolean' ? 'boolean' : 'string' };
  // Not strict: it would stop at the first fault.
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const negative = !flags.has(token.name) && Object.hasOwn(options, token.name);
    const name = negative ? token.name.slice('no-'.length) : token.name;
    const leaf = flags.get(name);
    const source = 'command line';
    if (leaf === undefined) {
      const suggestion = nearest(name, flags.keys());
      faults.add({
        variable: token.rawName,
        source,
        expected: 'unknown flag',
        ...(suggestion === undefined ? {} : { suggestion: `--${suggestion}` }),
      });
    } else if (leaf.secret) {
      // Every user of the machine can read the arguments of a process.
      const expected = `a secret cannot be given on the command line; set ${leaf.fileName ?? leaf.name}`;
      faults.add({ variable: `--${name}`, source, expected, path: leaf.path });
    } else if (leaf.kind === 'boolean') {
      set(leaf, token.value ?? String(!negative), `--${name}`);
    } else if (token.value === undefined) {
      faults.add({ variable: `--${name}`, source, expected: 'needs a value', path: leaf.path });
    } else if (token.value !== '') {
      set(leaf, token.value, `--${name}`);
    }
  }
}
