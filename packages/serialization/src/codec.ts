/** Turns values into bytes and back. What it cannot keep it refuses, it never changes a value silently. */
export interface Codec {
  /** Stands in the envelope, so that bytes of another codec are recognised. 1..63 are this package's, 64..255 yours. */
  readonly id: number;
  readonly name: string;
  /**
   * @throws `serialization.not_lossless` with the pointer of the part that would not come back as it was
   */
  encode(value: unknown): Uint8Array;
  /**
   * @throws anything for bytes that are not this codec's; the serializer makes it `serialization.corrupt`, which ours
   *   throw for what is no bytes
   */
  decode(bytes: Uint8Array): unknown;
}
