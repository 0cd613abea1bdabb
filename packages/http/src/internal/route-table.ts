import type { Method } from '../route.ts';

/** Longer than any id, shorter than what is worth validating. */
export const MAX_PARAM_LENGTH = 512;

/** A route that matched, with what the pattern's parameters stand for, decoded. */
export interface Match<Item> {
  readonly store: Item;
  readonly params: Readonly<Record<string, string>>;
}

/** Where routes are found by method and path. */
export interface Table<Item> {
  on(method: Method, path: string, item: Item): void;
  /** `malformed` for a path with a broken percent-encoding. */
  find(method: string, path: string): Match<Item> | 'malformed' | undefined;
}
