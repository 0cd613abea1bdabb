/**
 * A queue. `shift()` of an array moves all that follow: of some ten thousand lines, that takes longer than to write
 * one.
 */
export class Fifo<Item> {
  readonly #items: (Item | undefined)[] = [];
  #start = 0;

  get size(): number {
    return this.#items.length - this.#start;
  }

  get first(): Item | undefined {
    return this.#items[this.#start];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): void {
    if (this.size === 0) return;
    this.#items[this.#start++] = undefined;
    // Once half of it is empty, each item has paid for its own move.
    if (this.#start > 64 && this.#start * 2 > this.#items.length) {
      this.#items.splice(0, this.#start);
      this.#start = 0;
    }
  }

  clear(): void {
    this.#items.length = 0;
    this.#start = 0;
  }
}
