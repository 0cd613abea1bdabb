import type { z } from 'zod';
import { coerce } from './coerce.ts';
import type { Faults } from './faults.ts';
import { nearest } from './names.ts';
import { type Group, type Leaf, type Plan, screaming } from './schema.ts';
import type { Collected, Origin } from './sources.ts';
import { expectationOf } from './expectation.ts';

const overrideOrigin: Origin = () => 'override';

/** Lays the overrides over what was collected. */
export function applyOverrides(group: Group, overrides: object, collected: Collected, faults: Faults): void {
  for (const [key, value] of Object.entries(overrides)) {
    // Empty is absent, here too.
    if (value === undefined || value === '') continue;
    const member = group.members.find((each) => each.key === key);
    if (member === undefined) {
      const suggestion = nearest(
        key,
        group.members.map((each) => each.key),
      );
      faults.add({
        variable: [...group.path, key].join('.'),
        source: 'override',
        expected: 'unknown setting',
        ...(suggestion === undefined ? {} : { suggestion }),
      });
    } else if (member.leaf !== undefined) {
      collected.values[member.leaf.index] = value;
      collected.origins[member.leaf.index] = overrideOrigin;
    } else if (typeof value === 'object' && value !== null) {
      applyOverrides(member.group as Group, value as object, collected, faults);
    } else {
      faults.add({ variable: [...group.path, key].join('.'), source: 'override', expected: 'expected an object' });
    }
  }
}

/** The input of the schema. An optional group without a value is `undefined`. */
export function inputOf(group: Group, values: readonly unknown[]): Record<string, unknown> | undefined {
  const input: Record<string, unknown> = {};
  let empty = true;
  for (const { key, leaf, group: inner } of group.members) {
    let value: unknown;
    if (leaf === undefined) {
      value = inputOf(inner as Group, values);
    } else {
      value = values[leaf.index];
      if (typeof value === 'string') value = coerce(value, leaf);
    }
    if (value === undefined) continue;
    input[key] = value;
    empty = false;
  }
  return empty && group.optional ? undefined : input;
}

/** Turns what zod found into faults of variables. */
export function addIssues(
  issues: readonly z.core.$ZodIssue[],
  plan: Plan,
  prefix: string,
  collected: Collected,
  faults: Faults,
): void {
  // A file that could not be read explains why its setting is missing.
  const explained = new Set(plan.leaves.filter((leaf) => isFaulty(leaf, faults)));
  for (const issue of issues) {
    const { leaf, group, rest } = locate(plan.root, issue.path);
    const written = BUILT_IN.test(issue.message) ? undefined : withoutSecrets(issue.message, plan, collected);
    if (leaf === undefined) {
      const variable = `${prefix}${group.path.map((key) => `${screaming(key)}__`).join('')}*`;
      const expected = written ?? issue.message.replace(/, received .*/s, '');
      faults.add({ variable, source: 'together', expected, path: group.path });
      continue;
    }
    if (explained.has(leaf)) continue;
    const origin = collected.origins[leaf.index];
    const place = placeOf(rest);
    // The whole of what is expected, rather than the one check that failed; unless
    // the author of the schema has something to say.
    const expected = `expected ${expectationOf(leaf.schema)}`;
    faults.add({
      variable: leaf.name,
      source: origin === undefined ? 'not set' : origin(leaf.name),
      expected:
        written === undefined ? (origin === undefined ? `required, ${expected}` : place + expected) : place + written,
      path: leaf.path,
    });
  }
}

/** Where in the value of a variable, for lists and JSON. */
function placeOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return '';
  const [first] = path;
  return typeof first === 'number' && path.length === 1 ? `item ${first + 1}: ` : `at ${path.map(String).join('.')}: `;
}

function isFaulty(leaf: Leaf, faults: Faults): boolean {
  return faults.has(leaf.name) || (leaf.fileName !== undefined && faults.has(leaf.fileName));
}

function locate(
  root: Group,
  path: readonly PropertyKey[],
): { leaf?: Leaf; group: Group; rest: readonly PropertyKey[] } {
  let group = root;
  for (const [i, key] of path.entries()) {
    const member = group.members.find((each) => each.key === key);
    if (member === undefined) break;
    if (member.leaf !== undefined) return { leaf: member.leaf, group, rest: path.slice(i + 1) };
    group = member.group as Group;
  }
  return { group, rest: [] };
}

// How zod's own messages begin.
const BUILT_IN = /^(?:Invalid|Too (?:small|big)|Unrecognized)\b/;

/** A message that an author wrote can quote a value. */
function withoutSecrets(text: string, plan: Plan, { values }: Collected): string {
  const leaks = plan.leaves.some((leaf) => {
    const value = values[leaf.index];
    return leaf.secret && typeof value === 'string' && value !== '' && text.includes(value);
  });
  return leaks ? 'is not valid' : text;
}
