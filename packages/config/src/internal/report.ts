import { z } from 'zod';
import { expectationAt, expectationOf } from './expectation.ts';
import type { Faults } from './faults.ts';
import { inputOf, valueOf } from './input.ts';
import { fallbackOf, type Group, type Leaf, type Plan, screaming } from './schema.ts';
import type { Collected } from './collected.ts';

/** What a report is made of. */
export interface Findings {
  readonly plan: Plan;
  readonly prefix: string;
  readonly collected: Collected;
  readonly faults: Faults;
}

/** The settings; `undefined` where there is a fault. */
export function parse(schema: z.ZodObject, found: Findings): unknown {
  const { plan, collected, faults } = found;
  try {
    const parsed = schema.safeParse(inputOf(plan.root, collected.values));
    if (parsed.success) return parsed.data;
    addIssues(parsed.error.issues, found);
  } catch (error) {
    // A transform or a check of the schema. What it threw can hold the value, and it kept zod from looking at the rest.
    parseOneByOne(found);
    const expected = `a rule of the schema ${thrown(error)}`;
    if (faults.size === 0) faults.add({ variable: `${found.prefix}*`, source: 'together', expected, path: [] });
  }
  return undefined;
}

function parseOneByOne(found: Findings): void {
  for (const leaf of found.plan.leaves) {
    try {
      const parsed = z.safeParse(leaf.schema, valueOf(leaf, found.collected.values[leaf.index]));
      const issues = parsed.success ? [] : parsed.error.issues;
      // An optional object around it may be absent.
      if (leaf.required || found.collected.origins[leaf.index] !== undefined) {
        addIssues(
          issues.map((issue) => ({ ...issue, path: [...leaf.path, ...issue.path] })),
          found,
        );
      }
    } catch (error) {
      const origin = found.collected.origins[leaf.index];
      found.faults.add({
        variable: leaf.name,
        source: origin?.(leaf.name) ?? 'not set',
        expected: `expected ${expectationOf(leaf.schema)}; its schema ${thrown(error)}`,
        path: leaf.path,
      });
    }
  }
}

/** Never the message: it is made of the value. */
function thrown(error: unknown): string {
  return error instanceof z.core.$ZodAsyncError ? 'has to be awaited, which settings cannot be' : 'threw an error';
}

/** Turns what zod found into faults of variables. */
function addIssues(issues: readonly z.core.$ZodIssue[], { plan, prefix, collected, faults }: Findings): void {
  // A file that could not be read explains why its setting is missing.
  const explained = new Set(plan.leaves.filter((leaf) => isFaulty(leaf, faults)));
  for (const issue of issues) {
    const { leaf, group, rest } = locate(plan.root, issue.path);
    const words = BUILT_IN.test(issue.message) ? undefined : withoutSecrets(issue.message, plan, collected);
    if (leaf === undefined) {
      const variable = `${prefix}${group.path.map((key) => `${screaming(key)}__`).join('')}*`;
      const expected = words ?? issue.message.replace(/, received .*/s, '');
      faults.add({ variable, source: 'together', expected, path: group.path });
      continue;
    }
    if (explained.has(leaf)) continue;
    const origin = collected.origins[leaf.index];
    const place = placeOf(rest);
    // The whole of what is expected, rather than the one check that failed; unless the author of the schema has
    // something to say. About a secret that is set nobody has: words that are made of a value can hold any part of it.
    const written = leaf.secret && origin !== undefined ? undefined : words;
    const expected = `expected ${expectationAt(leaf.schema, rest)}`;
    const byDefault = origin === undefined && failsByDefault(leaf);
    const isAbsent = origin === undefined && !byDefault;
    faults.add({
      variable: leaf.name,
      source: byDefault ? 'default of the schema' : origin === undefined ? 'not set' : origin(leaf.name),
      expected: written === undefined ? (isAbsent ? `required, ${expected}` : place + expected) : place + written,
      path: leaf.path,
    });
  }
}

/** Whether what the schema itself has for a setting that is not set, by `.prefault()`, is none of its values. */
function failsByDefault({ schema }: Leaf): boolean {
  try {
    return fallbackOf(schema) !== undefined && !z.safeParse(schema, undefined).success;
  } catch {
    return false;
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

/** So many letters of a secret in a row are a part of it. */
const PART = 4;

/** A message that an author wrote can quote a value of another setting, or a part of one. */
function withoutSecrets(text: string, plan: Plan, { values }: Collected): string {
  const leaks = plan.leaves.some((leaf) => leaf.secret && holdsPartOf(text, values[leaf.index]));
  return leaks ? 'is not valid' : text;
}

function holdsPartOf(text: string, secret: unknown): boolean {
  if (typeof secret !== 'string' || secret === '') return false;
  const length = Math.min(PART, secret.length);
  for (let i = 0; i + length <= secret.length; i++) if (text.includes(secret.slice(i, i + length))) return true;
  return false;
}
