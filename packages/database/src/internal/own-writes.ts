import { currentContextRecord } from '@ent/internal';

/**
 * When each context has written last, so that it reads what it wrote where reads go to copies of the database. A
 * context is the outermost one around the call: a request, a message, a job; all that has none is one.
 */
export class OwnWrites {
  readonly #times = new WeakMap<object, number>();
  #elsewhere = -Infinity;

  /** The context around this call has written, until now. */
  note(): void {
    const root = currentContextRecord()?.root;
    if (root === undefined) this.#elsewhere = performance.now();
    else this.#times.set(root, performance.now());
  }

  /** By `performance.now()`; `-Infinity` for never. */
  last(): number {
    const root = currentContextRecord()?.root;
    return root === undefined ? this.#elsewhere : (this.#times.get(root) ?? -Infinity);
  }
}
