import { Secret } from '../secret.ts';
import type { Group, Leaf } from './schema.ts';

type Input = Record<string, unknown>;

/**
 * The input of the schema. An optional group without a value is `undefined`.
 *
 * @param base what the group has without its variables, from the default of an object around it
 */
export function inputOf(group: Group, values: readonly unknown[], base?: Input): Input | undefined {
  if (group.optional && !isAnySet(group, values)) return undefined;
  // One variable more does not change the others.
  const rest = base ?? asBase(group.fallback?.());
  const input: Input = rest === undefined ? {} : { ...rest };
  for (const { key, leaf, group: inner } of group.members) {
    const value =
      leaf === undefined ? inputOf(inner as Group, values, asBase(rest?.[key])) : valueOf(leaf, values[leaf.index]);
    if (value !== undefined) input[key] = value;
  }
  return input;
}

/** The input of one setting. */
export function valueOf(leaf: Leaf, value: unknown): unknown {
  return typeof value === 'string' ? leaf.read(value) : value;
}

function isAnySet(group: Group, values: readonly unknown[]): boolean {
  return group.members.some(({ leaf, group: inner }) =>
    leaf === undefined ? isAnySet(inner as Group, values) : values[leaf.index] !== undefined,
  );
}

function asBase(value: unknown): Input | undefined {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return undefined;
  const base: Input = { ...value };
  for (const [key, member] of Object.entries(base)) {
    // A default is a result, and the schema takes the text.
    if (member instanceof Secret) base[key] = member.reveal();
  }
  return base;
}
