import { type RedisClientType, RESP_TYPES } from 'redis';
import { type Cache, partsOf } from '../cache.ts';
import { NATIVE, type Native } from '../drivers/redis/native.ts';
import { cacheErrors } from '../errors.ts';
import type { Core } from '../internal/core.ts';
import type { KeySpace } from '../internal/keys.ts';

/** The commands that all three kinds of node-redis clients have in common, by the types of the plainest. */
export type Commands = RedisClientType;

/** The same commands, whose strings come as bytes. */
export type ByteCommands = ReturnType<typeof asBytes>;

/** What the structures have in common: keys in the namespace of a cache, its serializer, its deadline and circuit breaker. */
export class Access {
  readonly client: () => Commands;
  readonly #core: Core;
  readonly #keys: KeySpace;

  /** @throws `cache.unsupported` */
  constructor(cache: Cache) {
    const { core, keys } = partsOf(cache);
    if (!(NATIVE in core.driver)) {
      throw cacheErrors.unsupported(`${core.driver.name} does not have the structures of Redis; use redis()`);
    }
    this.client = () => core.driver.client as Commands;
    this.#core = core;
    this.#keys = keys;
  }

  /** The key of a structure. Never that of a cache entry, nor of a structure of another kind. */
  key(kind: string, name: string): string {
    if (typeof name !== 'string' || name === '' || !name.isWellFormed()) {
      throw cacheErrors.invalid_key(`the name of a ${kind} must be a non-empty well-formed string`);
    }
    return this.#keys.reserved(kind, name);
  }

  /** Sends commands under the failure policy of the cache; errors as there. */
  run<T>(operation: string, work: (client: Commands, bytes: ByteCommands) => Promise<T>): Promise<T> {
    const driver = this.#core.driver as unknown as Native<Commands>;
    return this.#core.store.run(operation, (call) => {
      return driver[NATIVE](call, (client) => work(client, asBytes(client)));
    });
  }

  /** @throws `cache.not_serializable` */
  encode(value: unknown, key: string): Buffer {
    let bytes: Uint8Array;
    try {
      bytes = this.#core.serializer.serialize(value, key);
    } catch (cause) {
      throw cacheErrors.not_serializable(`the value cannot be stored: ${(cause as Error).message}`, { cause });
    }
    return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Undefined for bytes that the serializer does not read: another deployment wrote them. */
  decode(bytes: Uint8Array, key: string): { readonly value: unknown } | undefined {
    try {
      return { value: this.#core.serializer.deserialize(bytes, key) };
    } catch {
      return undefined;
    }
  }
}

function asBytes(client: Commands) {
  return client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}
