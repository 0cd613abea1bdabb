import type { StoredRecord, TagVersion } from '../driver.ts';
import type { Factory, FactoryMany, LoadManyOptions, LoadOptions } from '../options.ts';
import { cacheErrors } from '../errors.ts';
import type { Core } from './core.ts';
import { AskAgain, type LoadPlan, type LoadRequest } from './loader.ts';
import { ManyFactory, NotMade } from './many.ts';
import { planLoad, ttlOf } from './plan.ts';
import { fits } from './schema.ts';
import { isFresh } from './store.ts';
import type { Found, View } from './view.ts';

/** Whether any hit answers the load as it is. */
export function isPlain<T>(options: LoadOptions<T>): boolean {
  return options.schema === undefined && options.eagerRefresh === undefined;
}

/** `Cache.getOrSet`, where {@link View.atHand} did not answer it. */
export async function getOrSet<T>(
  core: Core,
  view: View,
  physical: string,
  key: string,
  factory: Factory<T>,
  options: LoadOptions<T>,
): Promise<T> {
  if (isPlain(options)) {
    const record = await view.readNear(physical);
    if (record !== undefined) return record.value as T;
  }
  const plan = planLoad(options, core.ttlMs);
  assertFactory(factory);
  for (;;) {
    const leaseBefore = core.loader.leaseOf(physical);
    const found = await view.find(physical);
    const hit = await answer<T>(found, options);
    if (hit !== undefined && !isRefreshDue(found!.record, options, plan)) return hit.value;
    abandonIfLost(core, physical, leaseBefore, found);
    try {
      const request = await makeRequest(core, view, physical, key, factory, options, plan, found, hit !== undefined);
      if (hit === undefined) return await core.loader.load<T>(request, options.signal);
      core.loader.refresh(request as LoadRequest<unknown>);
      return hit.value;
    } catch (error) {
      // A getOrSetMany that was loading this key left it out: this caller has a factory of its own.
      if (!(error instanceof NotMade || error instanceof AskAgain)) throw error;
    }
  }
}

/** `Cache.getOrSetMany`. */
export async function getOrSetMany<T>(
  core: Core,
  view: View,
  asked: ReadonlyMap<string, string>,
  factory: FactoryMany<T>,
  options: LoadManyOptions<T>,
): Promise<Map<string, T>> {
  const plan = planLoad(options, core.ttlMs);
  assertFactory(factory);
  const keys = [...asked.keys()];
  const physical = [...asked.values()];
  const leases = physical.map((one) => core.loader.leaseOf(one));
  const found = await view.findMany(physical);
  const answers = await Promise.all(found.map((one) => answer<T>(one, options)));
  const many = new ManyFactory(factory, answers.filter((one) => one === undefined).length);
  await Promise.all(
    keys.map(async (key, i) => {
      if (answers[i] !== undefined) return;
      const one = physical[i]!;
      let ran = false;
      const make: Factory<T> = ({ signal }) => {
        ran = true;
        return many.make(key, signal);
      };
      try {
        while (answers[i] === undefined) {
          abandonIfLost(core, one, leases[i], found[i]);
          const request = await makeRequest(core, view, one, key, make, options, plan, found[i], false);
          const loading = core.loader.load<T>(request, options.signal);
          const isOurs = core.loader.isOf(one, request);
          if (!isOurs) arrive();
          try {
            answers[i] = { value: await loading };
          } catch (error) {
            if (!(error instanceof AskAgain || (error instanceof NotMade && !isOurs))) throw error;
            leases[i] = core.loader.leaseOf(one);
            found[i] = await view.find(one);
            answers[i] = await answer<T>(found[i], options);
          }
        }
      } catch (error) {
        if (!(error instanceof NotMade)) throw error;
      } finally {
        arrive();
      }

      // Somebody else loads the key, or the load ended before its factory: the batch must not wait for it.
      function arrive(): void {
        if (!ran) many.without();
        ran = true;
      }
    }),
  );
  const values = new Map<string, T>();
  for (const [i, key] of keys.entries()) {
    const made = answers[i];
    if (made !== undefined) values.set(key, made.value);
  }
  return values;
}

function assertFactory(factory: unknown): void {
  if (typeof factory !== 'function')
    throw cacheErrors.invalid_argument(`the factory must be a function; got ${typeof factory}`);
}

/** The value that readers may have. */
async function answer<T>(
  found: Found | undefined,
  { schema }: Pick<LoadOptions<T>, 'schema'>,
): Promise<{ readonly value: T } | undefined> {
  if (!found?.valid || !isFresh(found.record)) return undefined;
  return fits(schema, found.record.value);
}

/** Whether a hit is old enough to be loaded again, and nobody is at it. */
function isRefreshDue<T>(
  { freshUntil, lease, value }: StoredRecord,
  { eagerRefresh }: LoadOptions<T>,
  plan: LoadPlan,
): boolean {
  const now = Date.now();
  if (eagerRefresh === undefined || freshUntil - now >= ttlOf(value, plan) * (1 - eagerRefresh)) return false;
  return lease === undefined || lease.until <= now;
}

/** A load in flight here whose lease is gone was overtaken by a change of another process: callers from now on must not join it. */
function abandonIfLost(core: Core, physical: string, lease: string | undefined, found: Found | undefined): void {
  if (lease !== undefined && found?.record.lease?.token !== lease && core.loader.leaseOf(physical) === lease) {
    core.loader.abandon(physical);
  }
}

async function makeRequest<T>(
  core: Core,
  view: View,
  physical: string,
  key: string,
  factory: Factory<T>,
  options: Pick<LoadOptions<T>, 'schema' | 'tags'>,
  plan: LoadPlan,
  found: Found | undefined,
  refreshing: boolean,
): Promise<LoadRequest<T>> {
  const { schema, tags: names } = options;
  if (names !== undefined) core.requires('conditional', 'tags');
  let tags: readonly TagVersion[] | undefined;
  let storable = true;
  if (names?.length || view.tags.generations.length > 0) {
    try {
      tags = await view.tags.begin(names ?? []);
    } catch (error) {
      if (!core.store.forgives(error)) throw error;
      storable = false;
    }
  }
  const record = found?.record;
  const isStale = record?.hasValue && found?.valid && plan.graceMs > 0 && !isFresh(record);
  const stale = isStale ? await fits(schema, record.value) : undefined;
  return {
    physical,
    key,
    factory,
    plan,
    found: record,
    stale,
    tags,
    storable,
    valid: view.valid,
    usable: async (current: StoredRecord) => {
      if (refreshing && current.stamp === record?.stamp) return false;
      if (!(await view.visible(current))) return false;
      return (await fits(schema, current.value)) !== undefined;
    },
  };
}
