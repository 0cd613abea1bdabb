import { join } from 'node:path';
import { applyObject } from './apply.ts';
import type { Collected, Layer, Origin } from './collected.ts';
import { lineOf, parseDotenv, readDotenv, strangeLines } from './dotenv.ts';
import type { Faults } from './faults.ts';
import { codeOf } from './files.ts';
import { isAddress } from './injected.ts';
import type { Leaf, Plan } from './schema.ts';
import type { Stranger } from './strangers.ts';
import { NotUtf8 } from './utf8.ts';

const NODE_ENV = /^[\w.-]+$/;

/** A file that a variable names, to be read where nothing stronger sets the same. */
interface NamedFile {
  readonly path: string;
  readonly origin: Origin;
  readonly rank: number;
}

/**
 * Of one layer, a file wins over the variable, and that over the JSON of a group: the inner group over the outer one.
 */
const RANKS = 64;
const FILE = RANKS - 1;
const VALUE = RANKS - 2;

/** Takes the variables of the layers, the weakest first. */
export function readLayers(
  layers: readonly Layer[],
  plan: Plan,
  { values, origins }: Collected,
  faults: Faults,
): { files: ReadonlyMap<Leaf, NamedFile>; strangers: readonly Stranger[] } {
  const ranks = new Int32Array(plan.leaves.length);
  const files = new Map<Leaf, NamedFile>();
  const strangers: Stranger[] = [];

  const set = (leaf: Leaf, value: unknown, origin: Origin, rank: number): void => {
    if (rank < (ranks[leaf.index] as number)) return;
    ranks[leaf.index] = rank;
    values[leaf.index] = value;
    origins[leaf.index] = origin;
    // A file that is named in a weaker place stands there.
    if (files.size > 0 && (files.get(leaf)?.rank ?? rank) < rank) files.delete(leaf);
  };

  layers.forEach((layer, i) => {
    const base = (i + 1) * RANKS;
    for (const name of namesOf(layer.values)) {
      const known = plan.names.get(name);
      if (known === undefined) {
        const group = plan.groups.size === 0 ? undefined : plan.groups.get(name);
        const object = group && objectOf(layer.values[name], name, layer, faults);
        if (group === undefined || object === undefined) {
          strangers.push({ name, layer });
          continue;
        }
        const rank = base + Math.min(group.path.length, VALUE - 1);
        const source = layer.origin(name);
        const origin: Origin = () => `${name}, ${source}`;
        applyObject(group, object, { source, set: (leaf, value) => set(leaf, value, origin, rank) }, faults);
        continue;
      }
      // An empty variable is an absent one. By the name of the plan: one that was just made takes process.env longer.
      const value = layer.values[known.name];
      if (value === undefined || value === '') continue;
      if (known.isFile) {
        files.set(known.leaf, { path: value, origin: layer.origin, rank: base + FILE });
      } else if (!(layer.isEnvironment && known.leaf.kind === 'number' && isAddress(name, value))) {
        set(known.leaf, value, layer.origin, base + VALUE);
      }
    }
  });
  return { files, strangers };
}

/** The object that a variable of a group holds; `undefined` for what is no JSON and so somebody else's. */
function objectOf(text: string | undefined, name: string, layer: Layer, faults: Faults): object | undefined {
  if (text === undefined || !text.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    faults.add({ variable: name, source: layer.origin(name), expected: 'expected a JSON object' });
    return {};
  }
}

function lineFrom(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`;
}

function namesOf(values: Layer['values']): string[] {
  // Object.keys() of process.env asks the system about every single variable.
  return values === process.env ? Object.getOwnPropertyNames(values) : Object.keys(values);
}

/** The .env files, the weakest first. */
export function dotenvLayers(dir: string, env: Layer['values'], faults: Faults): Layer[] {
  const layers: Layer[] = [];
  const read = (name: string): void => {
    const file = join(dir, name);
    let text: string | undefined;
    try {
      text = readDotenv(file);
    } catch (error) {
      faults.add(
        error instanceof NotUtf8
          ? { variable: file, source: lineFrom(file, error.line), expected: error.message }
          : { variable: file, source: 'file', expected: `cannot be read (${codeOf(error)})` },
      );
    }
    if (text === undefined) return;
    const content = text;
    for (const line of strangeLines(content)) {
      // Not the line: it can be the rest of a secret.
      faults.add({
        variable: `line ${line}`,
        source: lineFrom(file, line),
        expected: 'is no assignment: expected NAME=value',
      });
    }
    const origin: Origin = (variable) => {
      return lineFrom(file, lineOf(content, variable));
    };
    layers.push({ values: parseDotenv(content), origin, isEnvironment: false });
  };
  read('.env');
  const mode = env['NODE_ENV'] || layers[0]?.values['NODE_ENV'] || 'development';
  if (NODE_ENV.test(mode)) read(`.env.${mode}`);
  else faults.add({ variable: 'NODE_ENV', source: 'environment', expected: 'expected a word such as production' });
  if (mode !== 'local') read('.env.local');
  return layers;
}
