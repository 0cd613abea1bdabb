import type { FactoryMany, LoadManyOptions } from '../../options.ts';
import { assertKnown } from '../checks.ts';
import { BatchFactory, NotMade } from './batch-factory.ts';
import { checked, KeyLoad, type LoadCall } from './key-load.ts';
import { AskAgain } from './loader.ts';
import { LOAD_MANY_OPTIONS } from './plan.ts';

/** `Cache.getOrSetMany`: one read for all keys, and one factory for those that are missing. The keys differ. */
export async function getOrSetMany<T>(
  call: LoadCall<T>,
  keys: readonly string[],
  factory: FactoryMany<T>,
): Promise<Map<string, T>> {
  assertKnown<LoadManyOptions<T>>(call.options, LOAD_MANY_OPTIONS, 'getOrSetMany');
  const shared = checked(call, factory);
  const asked = keys.map((key) => new KeyLoad(shared, key));
  const found = await call.view.findMany(keys);
  const answers = await Promise.all(asked.map((one, i) => one.see(found[i])));
  const missing = asked.filter((_, i) => answers[i] === undefined);
  const batch = new BatchFactory(
    factory,
    missing.map(({ key }) => key),
  );
  const loaded = await Promise.all(missing.map((one) => load(call, one, batch)));
  const values = new Map<string, T>();
  let next = 0;
  for (const [i, { key }] of asked.entries()) {
    const answer = answers[i] ?? loaded[next++];
    if (answer !== undefined) values.set(key, answer.value);
  }
  return values;
}

/** Loads one of the keys; nothing where the factory left it out. */
async function load<T>(
  { core: { loader }, options }: LoadCall<T>,
  asked: KeyLoad<T>,
  batch: BatchFactory<T>,
): Promise<{ readonly value: T } | undefined> {
  try {
    for (;;) {
      const request = await asked.request(({ key, signal }) => batch.make(key, signal));
      const loading = loader.load(request, options.signal);
      const isOurs = loader.isOf(request);
      if (!isOurs) batch.leave(asked.key);
      try {
        return { value: await loading };
      } catch (error) {
        if (!(error instanceof AskAgain || (error instanceof NotMade && !isOurs))) throw error;
      }
      const hit = await asked.look();
      if (hit !== undefined) return hit;
    }
  } catch (error) {
    if (error instanceof NotMade) return undefined;
    throw error;
  } finally {
    batch.leave(asked.key);
  }
}
