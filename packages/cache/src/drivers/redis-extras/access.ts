import {
  ErrorReply,
  type RedisClientType,
  type RedisFunctions,
  type RedisModules,
  type RedisScripts,
  RESP_TYPES,
  type RespVersions,
} from 'redis';
import { traced } from '@ent/internal';
import { channels } from '../../channels.ts';
import { cacheErrors } from '../../errors.ts';
import type { Core } from '../../internal/core.ts';
import type { KeySpace } from '../../internal/keys.ts';
import { type CacheWithParts, PARTS } from '../../internal/parts.ts';
import { serialize } from '../../internal/records/codec.ts';
import { NATIVE, type Native } from '../redis/native.ts';

/** The commands that all three kinds of node-redis clients have in common, by the types of the plainest. */
export type Commands = RedisClientType;

/** The same commands, whose strings come as bytes. */
export type ByteCommands = RedisClientType<
  RedisModules,
  RedisFunctions,
  RedisScripts,
  RespVersions,
  { [RESP_TYPES.BLOB_STRING]: typeof Buffer; [RESP_TYPES.MAP]: typeof Array }
>;

/**
 * What the structures have in common: keys in the namespace of a cache, its
 * serializer, its deadline and circuit breaker.
 */
export class Access {
  readonly client: () => Commands;
  readonly #core: Core;
  readonly #keys: KeySpace;

  /** @throws `cache.unsupported`; `cache.invalid_options` for what is no cache */
  constructor(cache: CacheWithParts) {
    const parts = (cache as Partial<CacheWithParts> | undefined | null)?.[PARTS];
    if (parts === undefined)
      throw cacheErrors.invalid_options('redisExtras takes what createCache() or openCache() made.');
    const { core, keys } = parts;
    if (!(NATIVE in core.driver)) {
      throw cacheErrors.unsupported(`${core.driver.name} does not have the structures of Redis; use redis().`);
    }
    this.client = () => core.driver.client as Commands;
    this.#core = core;
    this.#keys = keys;
  }

  /**
   * The key of a structure. Never that of a cache entry, nor of a structure of another kind or namespace.
   * It is reserved at the root, whatever the namespace: `clear` of a namespace takes all that stands below
   * it, and a lock or a queue is no cached value.
   *
   * @throws `cache.invalid_key`
   */
  key(kind: string, name: string): string {
    if (typeof name !== 'string' || name === '' || !name.isWellFormed()) {
      throw cacheErrors.invalid_key(`The name of a ${kind} must be a non-empty well-formed string.`);
    }
    const root = this.#keys.levels[0]!;
    const path = this.#keys.below.slice(root.below.length - 1, -1); // such as `/users`, or nothing at the root
    return root.reserved(kind + path, name);
  }

  /**
   * Sends commands under the failure policy of the cache, and publishes them; errors
   * as there. The key is that which they are about.
   */
  run<T>(operation: string, work: (client: Commands, bytes: ByteCommands) => Promise<T>, key?: string): Promise<T> {
    if (!channels.command.hasSubscribers) return this.#send(operation, work, key);
    const event = { driver: this.#core.driver.name, operation };
    return traced(channels.command, event, () => this.#send(operation, work, key));
  }

  #send<T>(operation: string, work: (client: Commands, bytes: ByteCommands) => Promise<T>, key?: string): Promise<T> {
    const driver = this.#core.driver as unknown as Native<Commands>;
    return this.#core.calls.run(
      operation,
      (call) => {
        return driver[NATIVE](call, key, (client) => work(client, asBytes(client))).catch((cause: unknown) => {
          if (!(cause instanceof ErrorReply && WRONG_TYPE.test(cause.message))) throw cause;
          throw cacheErrors.driver_failed(
            `${operation} found a value of another type under its key: something else than @ent/cache has written it.`,
            { cause },
          );
        });
      },
      key,
    );
  }

  /** @throws `cache.not_serializable`, `cache.value_too_large` */
  encode(value: unknown, key: string): Buffer {
    const bytes = serialize(value, this.#core.serializer, key);
    const { maxValueBytes } = this.#core.driver.features;
    if (maxValueBytes !== null && bytes.length > maxValueBytes) {
      // The server would end the connection, and with it the calls of others.
      throw cacheErrors.value_too_large(`The value takes ${bytes.length} bytes; redis stores up to ${maxValueBytes}.`);
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

// Inside a script Redis 6 puts its place in front.
const WRONG_TYPE = /(^|: )WRONGTYPE /;

function asBytes(client: Commands): ByteCommands {
  // As plain objects, maps would lose a field of the name __proto__.
  return client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.MAP]: Array }) as ByteCommands;
}
