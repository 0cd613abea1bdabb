import type { Faults } from './faults.ts';
import { nearest } from './names.ts';
import type { Group, Leaf } from './schema.ts';

/** Where an object with settings came from. */
export interface ObjectSource {
  /** For the report. */
  readonly source: string;
  set(leaf: Leaf, value: unknown): void;
}

/** Gives the settings of a group the members of an object, as overrides and JSON have them. */
export function applyObject(group: Group, object: object, from: ObjectSource, faults: Faults): void {
  for (const [key, value] of Object.entries(object) as [string, unknown][]) {
    // Empty is absent, here too.
    if (value === undefined || value === '') continue;
    const member = group.members.find((each) => each.key === key);
    const variable = [...group.path, key].join('.');
    if (member === undefined) {
      const suggestion = nearest(
        key,
        group.members.map((each) => each.key),
      );
      faults.add({
        variable,
        source: from.source,
        expected: 'unknown setting',
        ...(suggestion === undefined ? {} : { suggestion }),
      });
    } else if (member.leaf !== undefined) {
      from.set(member.leaf, value);
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      applyObject(member.group as Group, value, from, faults);
    } else {
      faults.add({ variable, source: from.source, expected: 'expected an object' });
    }
  }
}
