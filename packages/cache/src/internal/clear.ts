import { cacheErrors } from '../errors.ts';
import { UNLIMITED } from './backend/calls.ts';
import type { Core } from './core.ts';
import type { BackendKey, KeySpace } from './keys.ts';
import type { View } from './records/view.ts';

/** Empties a namespace and those below it. */
export async function clear(core: Core, keys: KeySpace, view: View): Promise<void> {
  const { store, loader } = core;
  const mine = (physical: string): boolean => keys.holds(physical);
  if (core.generations) {
    await loader.changes.runWhere(mine, mine, () => view.tags.nextGeneration());
    return;
  }
  core.requires('enumerate', "clear; with the option clear: 'generation' it does");
  if (keys.head === undefined && core.driver.features.shared) {
    // Without a prefix "everything" would be the whole server, with what others keep there.
    throw cacheErrors.invalid_options(
      'clear of a cache without prefix on a shared backend; give createCache a prefix.',
    );
  }
  await loader.changes.runWhere(mine, mine, async () => {
    for (const prefix of keys.head === undefined ? [''] : [keys.head, keys.below]) {
      for await (const page of pages(core, prefix)) {
        const found = page.filter(mine);
        if (found.length > 0) await store.remove(found);
      }
    }
  });
}

/** The application's keys of a namespace. */
export async function* listKeys(core: Core, view: View, prefix: string): AsyncIterable<string> {
  const { keys } = view;
  for await (const page of pages(core, (keys.head ?? '') + (keys.head === undefined ? '' : prefix))) {
    const mine = page.filter((physical) => keys.decode(physical)?.startsWith(prefix));
    for (const physical of core.generations ? await ofNow(core, view, mine) : mine) yield keys.decode(physical)!;
  }
}

/** Those of the current generation: what a clear has left behind is there no more. */
async function ofNow({ store }: Core, view: View, keys: readonly BackendKey[]): Promise<BackendKey[]> {
  const valid = await view.tags.valid(await store.many(keys));
  return keys.filter((_, i) => valid[i]);
}

/** The pages of a scan, each within the deadline of a call. */
async function* pages({ calls, driver }: Core, prefix: string): AsyncIterable<readonly BackendKey[]> {
  const scan = driver.scan!(prefix, UNLIMITED)[Symbol.asyncIterator]();
  for (;;) {
    const next = await calls.run('scan', () => scan.next());
    if (next.done) return;
    yield next.value as readonly BackendKey[];
  }
}
