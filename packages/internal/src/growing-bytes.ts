const NONE = new Uint8Array();
const LEAST_BYTES = 512;

/**
 * Bytes that come in pieces, in one buffer that grows with them. A piece is an object of some two hundred bytes,
 * however little is in it: kept as they are, those of what comes byte by byte would take two hundred times its size.
 */
export class GrowingBytes {
  #buffer: Uint8Array = NONE;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The first piece is not copied: what comes at once stays what it is. */
  add(piece: Uint8Array): void {
    const before = this.#size;
    this.#size += piece.byteLength;
    if (before === 0) {
      this.#buffer = piece;
      return;
    }
    if (this.#buffer.byteLength < this.#size) {
      // Powers of two, so that little is copied.
      let capacity = LEAST_BYTES;
      while (capacity < this.#size) capacity *= 2;
      const larger = new Uint8Array(capacity);
      larger.set(this.#buffer.subarray(0, before));
      this.#buffer = larger;
    }
    this.#buffer.set(piece, before);
  }

  /** All that came, without a copy. */
  all(): Uint8Array {
    return this.#buffer.byteLength === this.#size ? this.#buffer : this.#buffer.subarray(0, this.#size);
  }
}
