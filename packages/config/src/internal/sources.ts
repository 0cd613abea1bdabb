import { resolve } from 'node:path';
import type { ConfigOptions } from '../options.ts';
import type { Collected, Origin, SetValue } from './collected.ts';
import type { Faults } from './faults.ts';
import { readNamedFile, readSecrets } from './files.ts';
import { readFlags } from './flags.ts';
import { dotenvLayers, readLayers } from './layers.ts';
import type { Plan } from './schema.ts';
import { addStrangers } from './strangers.ts';

/** Reads the sources, the weakest first, so that the last one to set a value wins. */
export function collect(plan: Plan, options: ConfigOptions, faults: Faults): Collected {
  const { prefix = '', env = process.env, dir = '.' } = options;
  const values: unknown[] = new Array<unknown>(plan.leaves.length);
  const origins: (Origin | undefined)[] = new Array<Origin | undefined>(plan.leaves.length);
  const set: SetValue = (leaf, value, origin) => {
    values[leaf.index] = value;
    origins[leaf.index] = origin;
  };

  const layers = dir === false ? [] : dotenvLayers(dir, env, faults);
  layers.push({ values: env, origin: () => 'environment', isEnvironment: true });
  const { files, strangers } = readLayers(layers, plan, { values, origins }, faults);
  if (options.unknown !== 'ignore') addStrangers(strangers, layers, plan, prefix, faults);
  for (const [leaf, { path, origin }] of files) readNamedFile(leaf, resolve(dir || '.', path), origin, faults, set);
  for (const folder of [options.secretsDir ?? []].flat()) readSecrets(resolve(folder), plan, faults, set);

  const argv = options.argv === true ? process.argv.slice(2) : options.argv;
  if (argv)
    readFlags(argv, plan, prefix, faults, (leaf, value, flag) => set(leaf, value, () => `command line, ${flag}`));
  return { values, origins };
}
