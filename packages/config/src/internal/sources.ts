import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ConfigOptions } from '../options.ts';
import { lineOf, parseDotenv, readDotenv } from './dotenv.ts';
import type { Faults } from './faults.ts';
import { readFlags } from './flags.ts';
import { isAmbient, nearest } from './names.ts';
import type { Leaf, Plan } from './schema.ts';

/** Where a value came from: a name for the report, made only when there is one to write. */
export type Origin = (variable: string) => string;

/** What the sources say: at the index of each leaf its value, and where it came from. */
export interface Collected {
  readonly values: unknown[];
  readonly origins: (Origin | undefined)[];
}

/** Variables from one place, unparsed. */
interface Layer {
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly origin: Origin;
}

type SetValue = (leaf: Leaf, value: string, origin: Origin) => void;

const NODE_ENV = /^[\w.-]+$/;
const MAX_FILE = 1024 * 1024;

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
  layers.push({ values: env, origin: () => 'environment' });
  const files = new Map<Leaf, { readonly path: string; readonly origin: Origin }>();
  const strangers: Stranger[] = [];
  for (const layer of layers) {
    for (const name of namesOf(layer.values)) {
      const known = plan.names.get(name);
      if (known === undefined) {
        strangers.push({ name, layer });
        continue;
      }
      // An empty variable is an absent one. By the name of the plan: one that was just made takes process.env longer.
      const value = layer.values[known.name];
      if (value === undefined || value === '') continue;
      if (known.isFile) {
        files.set(known.leaf, { path: value, origin: layer.origin });
      } else {
        values[known.leaf.index] = value;
        origins[known.leaf.index] = layer.origin;
      }
    }
  }
  if (options.unknown !== 'ignore') addStrangers(strangers, layers, plan, prefix, faults);

  for (const folder of [options.secretsDir ?? []].flat()) readSecrets(resolve(folder), plan, faults, set);
  for (const [leaf, { path, origin }] of files) readNamedFile(leaf, resolve(dir || '.', path), origin, faults, set);

  const argv = options.argv === true ? process.argv.slice(2) : options.argv;
  if (argv)
    readFlags(argv, plan, prefix, faults, (leaf, value, flag) => set(leaf, value, () => `command line, ${flag}`));
  return { values, origins };
}

function namesOf(values: Layer['values']): string[] {
  // Object.keys() of process.env asks the system about every single variable.
  return values === process.env ? Object.getOwnPropertyNames(values) : Object.keys(values);
}

function dotenvLayers(dir: string, env: Layer['values'], faults: Faults): Layer[] {
  const layers: Layer[] = [];
  const read = (name: string): void => {
    const file = join(dir, name);
    let text: string | undefined;
    try {
      text = readDotenv(file);
    } catch (error) {
      faults.add({ variable: file, source: 'file', expected: `cannot be read (${codeOf(error)})` });
    }
    if (text === undefined) return;
    const content = text;
    const origin: Origin = (variable) => {
      const line = lineOf(content, variable);
      return line === undefined ? file : `${file}:${line}`;
    };
    layers.push({ values: parseDotenv(content), origin });
  };
  read('.env');
  const mode = env['NODE_ENV'] || layers[0]?.values['NODE_ENV'] || 'development';
  if (NODE_ENV.test(mode)) read(`.env.${mode}`);
  else faults.add({ variable: 'NODE_ENV', source: 'environment', expected: 'expected a word such as production' });
  if (mode !== 'local') read('.env.local');
  return layers;
}

/** A variable that is no setting. Most are none of our business. */
interface Stranger {
  readonly name: string;
  readonly layer: Layer;
}

function addStrangers(
  strangers: readonly Stranger[],
  layers: readonly Layer[],
  plan: Plan,
  prefix: string,
  faults: Faults,
): void {
  for (const { name, layer } of strangers) {
    let suggestion: string | undefined;
    if (prefix !== '' && name.startsWith(prefix)) {
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

function readSecrets(folder: string, plan: Plan, faults: Faults, set: SetValue): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') {
      faults.add({ variable: folder, source: 'secrets folder', expected: `cannot be read (${codeOf(error)})` });
    }
    return;
  }
  for (const name of names) {
    // Docker's habit is lower case. Other files are somebody else's.
    const known = plan.names.get(name) ?? plan.names.get(name.toUpperCase());
    if (known === undefined || known.isFile) continue;
    const { leaf } = known;
    const path = join(folder, name);
    try {
      const value = readValue(path);
      if (value !== '') set(leaf, value, () => `secrets folder, ${path}`);
    } catch (error) {
      faults.add({
        variable: leaf.name,
        source: `secrets folder, ${path}`,
        expected: reasonOf(error),
        path: leaf.path,
      });
    }
  }
}

function readNamedFile(leaf: Leaf, path: string, origin: Origin, faults: Faults, set: SetValue): void {
  const variable = leaf.fileName as string;
  try {
    const value = readValue(path);
    if (value !== '') set(leaf, value, () => `the file that ${variable} names, ${origin(variable)}`);
  } catch (error) {
    // Not the path: people put the secret itself into this variable.
    const expected = `names a file that ${reasonOf(error)}`;
    faults.add({ variable, source: origin(variable), expected, path: leaf.path });
  }
}

/**
 * The text of a file, without the line end that editors add. Reads at most 1
 * MiB, whatever the file is: a device has no end.
 */
function readValue(path: string): string {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(MAX_FILE + 1);
    let length = 0;
    for (;;) {
      const count = readSync(file, buffer, length, buffer.length - length, null);
      length += count;
      if (count === 0) break;
      if (length > MAX_FILE) throw new RangeError('too large');
    }
    return buffer.toString('utf8', 0, length).replace(/\r?\n$/, '');
  } finally {
    closeSync(file);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

function reasonOf(error: unknown): string {
  return error instanceof RangeError ? 'is larger than 1 MiB' : `cannot be read (${codeOf(error)})`;
}
