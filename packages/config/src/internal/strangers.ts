import type { Layer } from './collected.ts';
import type { Faults } from './faults.ts';
import { isInjected } from './injected.ts';
import { isAmbient, nearest } from './names.ts';
import type { Plan } from './schema.ts';

/** A variable that is no setting. Most are none of our business. */
export interface Stranger {
  readonly name: string;
  readonly layer: Layer;
}

/** Makes faults of those that somebody meant as a setting. */
export function addStrangers(
  strangers: readonly Stranger[],
  layers: readonly Layer[],
  plan: Plan,
  prefix: string,
  faults: Faults,
): void {
  for (const { name, layer } of strangers) {
    const whole = wholeOf(name, plan);
    if (whole !== undefined) {
      const expected = `has no variable of its own: ${whole} takes it, as JSON`;
      faults.add({ variable: name, source: layer.origin(name), expected });
      continue;
    }
    let suggestion: string | undefined;
    if (prefix !== '' && name.startsWith(prefix)) {
      if (layer.isEnvironment && isInjected(name, layer.values[name])) continue;
      suggestion = nearest(name, plan.names.keys());
    } else {
      suggestion = isAmbient(name) ? undefined : plan.slips.find(name);
      // Whoever sets the right one too, here or with more weight, knows its name.
      if (suggestion === undefined || isSet(suggestion, plan, layers.slice(layers.indexOf(layer)))) continue;
    }
    faults.add({
      variable: name,
      source: layer.origin(name),
      expected: 'unknown variable',
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }
}

function isSet(name: string, plan: Plan, layers: readonly Layer[]): boolean {
  const leaf = plan.names.get(name)?.leaf;
  return layers.some(({ values }) => values[leaf?.name ?? ''] || values[leaf?.fileName ?? '']);
}

/** The variable that takes the part of a setting which a name like `LABELS__TEAM` means. */
function wholeOf(name: string, plan: Plan): string | undefined {
  for (let at = name.lastIndexOf('__'); at > 0; at = name.lastIndexOf('__', at - 1)) {
    const known = plan.names.get(name.slice(0, at));
    if (known !== undefined && !known.isFile && known.leaf.element === 'json') return known.name;
  }
  return undefined;
}
