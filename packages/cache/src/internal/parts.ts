import type { Core } from './core.ts';
import type { KeySpace } from './keys.ts';

/** Where a cache has what the extras of a driver are built on. */
export const PARTS: unique symbol = Symbol('parts');

/** A cache, made by `createCache` or `openCache`, or a namespace of one. */
export interface CacheWithParts {
  /** @internal */
  readonly [PARTS]: { readonly core: Core; readonly keys: KeySpace };
}
