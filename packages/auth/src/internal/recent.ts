/**
 * A map that holds `size` entries at most; those that were not asked for lately give way.
 *
 * Two halves take turns: what is asked for moves to the young one, and when that is full the old one goes. Nothing is
 * written for a hit among the young, where an LRU writes each time.
 */
export class Recent<V> {
  readonly #half: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();

  constructor(size: number) {
    this.#half = Math.ceil(size / 2);
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: V): void {
    if (this.#half === 0) return;
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Removes all that `fits` says. Looks at each entry. */
  deleteWhere(fits: (value: V) => boolean): void {
    for (const half of [this.#young, this.#old]) {
      for (const [key, value] of half) if (fits(value)) half.delete(key);
    }
  }
}
