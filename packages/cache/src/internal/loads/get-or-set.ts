import type { Factory, LoadOptions } from '../../options.ts';
import { assertKnown } from '../checks.ts';
import { NotMade } from './batch-factory.ts';
import { checked, KeyLoad, type LoadCall } from './key-load.ts';
import { AskAgain, type LoadRequest } from './loader.ts';
import { LOAD_OPTIONS } from './plan.ts';

/** Those of a call that names none. */
export const NO_OPTIONS: LoadOptions<never> = {};

/** Whether any hit answers the load as it is. */
export function takesAnyHit<T>(options: LoadOptions<T>): boolean {
  // Null comes of JavaScript, and is refused where it is looked at.
  const given = options as LoadOptions<T> | null;
  return given !== null && given.schema === undefined && given.eagerRefresh === undefined;
}

/** `Cache.getOrSet`, where no hit was at hand. */
export async function getOrSet<T>(call: LoadCall<T>, key: string, factory: Factory<T>): Promise<T> {
  if (call.options !== NO_OPTIONS) assertKnown(call.options, LOAD_OPTIONS, 'getOrSet');
  const asked = new KeyLoad(checked(call, factory), key);
  const { loader } = call.core;
  for (;;) {
    const hit = await asked.look();
    if (hit !== undefined && !asked.isRefreshDue) return hit.value;
    try {
      const request = await asked.request(factory, { isRefresh: hit !== undefined });
      if (hit === undefined) return await loader.load(request, call.options.signal);
      loader.refresh(request as LoadRequest<unknown>);
      return hit.value;
    } catch (error) {
      // A getOrSetMany that was loading this key left it out: this caller has a factory of its own.
      if (!(error instanceof NotMade || error instanceof AskAgain)) throw error;
    }
  }
}
