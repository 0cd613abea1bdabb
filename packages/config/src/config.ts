import { jsonPointer } from '@ent/internal';
import type { z } from 'zod';
import { configErrors } from './errors.ts';
import { applyObject } from './internal/apply.ts';
import { checkLoad, checkOptions, checkSchema } from './internal/check.ts';
import { describeLeaf } from './internal/describe.ts';
import { Faults, reportOf } from './internal/faults.ts';
import { deepFreeze } from './internal/freeze.ts';
import { parse } from './internal/report.ts';
import { type Leaf, type Plan, planOf } from './internal/schema.ts';
import { collect } from './internal/sources.ts';
import type { ConfigOptions, LoadOptions, Overrides, Settings, Variable } from './options.ts';

/** The settings of a program: what {@link defineConfig} makes. */
export interface Config<Schema extends z.ZodObject> {
  readonly schema: Schema;
  /** The variables that the schema reads, in its order. */
  readonly variables: readonly Variable[];
  /**
   * Reads every source and answers the settings, frozen.
   *
   * @throws ConfigurationError `config.invalid`: the message lists every fault, `details.faults` holds them as data
   *   ({@link ConfigFault}), `issues` as JSON pointers
   */
  load(options?: LoadOptions<Schema>): Settings<Schema>;
  /** The settings, loaded at the first call: the same object ever after. @throws ConfigurationError as {@link load} */
  get(): Settings<Schema>;
  /**
   * Has {@link get} answer other settings until the result is restored or disposed of (`using`).
   * For tests. Several add up, the later winning.
   */
  override(values: Overrides<Schema>): ConfigOverride;
}

/** What {@link Config.override} began. */
export interface ConfigOverride extends Disposable {
  /** Ends it; again is harmless. The same as `[Symbol.dispose]()`. */
  restore(): void;
}

/**
 * Defines the settings of a program by a zod schema. Nothing is read before {@link Config.load} or {@link Config.get}.
 *
 * A key is read from the variable of the same name in capitals (`databaseUrl` or `DATABASE_URL` from
 * `DATABASE_URL`), a key of a nested object with `__` between (`DATABASE__URL`), and any from a name of its
 * own by `.meta({ env: 'PGHOST' })`. Sources, the later winning: defaults of the schema, `.env`,
 * `.env.<NODE_ENV>`, `.env.local`, the environment, secrets folders, `<VARIABLE>_FILE`, command-line flags,
 * overrides. An empty variable is an absent one.
 *
 * ```ts
 * import { defineConfig, duration, secret } from '@ent/config';
 * import { z } from 'zod';
 *
 * const config = defineConfig(
 *   z.object({
 *     port: z.number().int().min(0).max(65535).default(8000),
 *     password: secret(),
 *     cache: z.object({ ttl: duration().prefault('5m') }),
 *   }),
 *   { env: { PASSWORD: 'hunter2', CACHE__TTL: '30s' }, dir: false },
 * );
 * console.log(config.get()); // { port: 8000, password: ***, cache: { ttl: 30000 } }
 * ```
 *
 * @throws ConfigurationError `config.schema` when two settings would have the same variable, or one has a variable that
 *   the
 *   system sets; `config.invalid_options` for an option that does not exist or cannot have its value
 */
export function defineConfig<Schema extends z.ZodObject>(schema: Schema, options: ConfigOptions = {}): Config<Schema> {
  checkSchema(schema);
  checkOptions(options);
  const plan = planOf(schema, options.prefix ?? '');
  let loaded: Settings<Schema> | undefined;
  let variables: readonly Variable[] | undefined;
  const overridden: object[] = [];

  return {
    schema,
    get variables() {
      variables ??= Object.freeze(plan.leaves.map(describeLeaf));
      return variables;
    },
    load(more = {}) {
      checkLoad(more);
      return load(plan, schema, merged(options, more), more.overrides === undefined ? [] : [more.overrides]);
    },
    get() {
      loaded ??= load(plan, schema, options, overridden);
      return loaded;
    },
    override(values) {
      // A copy of its own, so that the same object can be given twice.
      const layer = { ...values };
      overridden.push(layer);
      loaded = undefined;
      const restore = (): void => {
        const index = overridden.indexOf(layer);
        if (index < 0) return;
        overridden.splice(index, 1);
        loaded = undefined;
      };
      return { restore, [Symbol.dispose]: restore };
    },
  };
}

/** The options of the definition, and over them those of one load; what is undefined is left out. */
function merged(options: ConfigOptions, more: Omit<ConfigOptions, 'prefix'>): ConfigOptions {
  return {
    prefix: options.prefix,
    env: more.env ?? options.env,
    dir: more.dir ?? options.dir,
    secretsDir: more.secretsDir ?? options.secretsDir,
    argv: more.argv ?? options.argv,
    unknown: more.unknown ?? options.unknown,
  };
}

function load<Schema extends z.ZodObject>(
  plan: Plan,
  schema: Schema,
  options: ConfigOptions,
  overrides: readonly object[],
): Settings<Schema> {
  const faults = new Faults();
  const collected = collect(plan, options, faults);
  const source = 'override';
  const set = (leaf: Leaf, value: unknown): void => {
    collected.values[leaf.index] = value;
    collected.origins[leaf.index] = () => source;
  };
  for (const values of overrides) applyObject(plan.root, values, { source, set }, faults);
  const settings = parse(schema, { plan, prefix: options.prefix ?? '', collected, faults });
  if (faults.size > 0) throw invalid(faults);
  return deepFreeze(settings) as Settings<Schema>;
}

function invalid(faults: Faults): Error {
  const issues = faults.list.map(({ path = [], expected, variable }) => ({
    pointer: jsonPointer(path),
    in: 'config' as const,
    code: 'invalid',
    detail: `${variable}: ${expected}`,
  }));
  return configErrors.invalid(reportOf(faults.list), { issues, details: { faults: faults.list } });
}
