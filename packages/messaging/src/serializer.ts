/**
 * Turns the data of messages into bytes and back, both at once: a promise is refused. A serializer of
 * `@ent/serialization` fits, with a content type beside it:
 * `{ ...createSerializer({ compression: {} }), contentType: 'application/vnd.shop' }`.
 */
export interface MessageSerializer {
  /** The media type that stands on each message, and by which a receiver finds who reads it: `application/msgpack`. */
  readonly contentType: string;
  /**
   * Must keep the data or throw.
   *
   * @param topic a serializer that encrypts binds the bytes to it
   */
  serialize(data: unknown, topic: string): Uint8Array;
  /** @throws for bytes that it cannot read; the message goes to the dead letters */
  deserialize(bytes: Uint8Array, topic: string): unknown;
}
