import type { Codec } from './codec.ts';
import { json } from './codecs/json.ts';
import { COMPRESSION, compress, inflate } from './compression.ts';
import { createCipher } from './encryption.ts';
import { SerializationError, serializationErrors } from './errors.ts';
import { asBuffer, demandBytes } from './internal/buffer.ts';
import { checkOptions } from './internal/check.ts';
import type { SerializerOptions } from './options.ts';

/** Turns values into bytes that say how to read them. */
export interface Serializer {
  /**
   * @param context what the bytes belong to, e.g. a cache key. With encryption it is authenticated: bytes that were
   *   moved to another key do not decrypt. It is not stored.
   * @throws `serialization.not_lossless`
   */
  serialize(value: unknown, context?: string): Buffer;
  /**
   * @throws `serialization.other_version`, `corrupt`, `unknown_key` or `too_large`; all of them mean that this reader
   *   cannot use the bytes, so a cache treats them as a miss
   */
  deserialize(bytes: Uint8Array, context?: string): unknown;
}

// The envelope: magic, format, codec, flags, schema version (uint32, big endian), then the payload.
const HEADER_BYTES = 8;
const MAGIC = 0xe5;
const FORMAT = 1;
const COMPRESSION_BITS = 0b011;
const ENCRYPTED = 0b100;

/**
 * Makes a serializer: a codec, and where asked for compression and encryption, in an envelope of 8 bytes.
 *
 * @example
 * ```ts
 * import { createSerializer } from '@ent/serialization';
 *
 * const serializer = createSerializer({ version: 2, compression: {} });
 * const bytes = serializer.serialize({ name: 'Ada' });
 * serializer.deserialize(bytes); // { name: 'Ada' }
 * ```
 * @throws `serialization.invalid_options`
 */
export function createSerializer(options: SerializerOptions = {}): Serializer {
  checkOptions(options);
  const codec = options.codec ?? json;
  const codecs = new Map<number, Codec>([...(options.alsoRead ?? []), codec].map((one) => [one.id, one]));
  const version = options.version ?? 0;
  const { compression } = options;
  const minBytes = compression?.minBytes ?? 1024;
  const algorithm = compression?.algorithm ?? 'zstd';
  const maxInflatedBytes = options.maxInflatedBytes ?? 64 * 1024 * 1024;
  const cipher = options.encryption && createCipher(options.encryption.keys);

  const authenticated = (header: Uint8Array, context: string): Buffer => Buffer.concat([header, Buffer.from(context)]);

  const checkContext = (context: unknown): void => {
    if (typeof context !== 'string') throw serializationErrors.invalid_options('The context of a value is a text.');
  };

  const checkHeader = (bytes: Buffer): Codec => {
    if (bytes.length < HEADER_BYTES || bytes[0] !== MAGIC) {
      throw serializationErrors.corrupt(
        'The bytes do not start with an envelope; they were written by something else.',
      );
    }
    if (bytes[1] !== FORMAT) {
      throw serializationErrors.other_version(`The envelope has format ${bytes[1]}; this version reads ${FORMAT}.`);
    }
    if (bytes.readUInt32BE(4) !== version) {
      throw serializationErrors.other_version(`The value has version ${bytes.readUInt32BE(4)}; expected ${version}.`);
    }
    const reader = codecs.get(bytes[2]!);
    if (!reader) {
      throw serializationErrors.other_version(
        `The value was written by the codec number ${bytes[2]}; known: ${[...codecs.values()].map((c) => `${c.id} (${c.name})`).join(', ')}.`,
      );
    }
    if ((bytes[3]! & ~(COMPRESSION_BITS | ENCRYPTED)) !== 0) {
      throw serializationErrors.other_version('The envelope has flags that this version does not know.');
    }
    const encrypted = (bytes[3]! & ENCRYPTED) !== 0;
    if (encrypted && !cipher) {
      throw serializationErrors.unknown_key('The value is encrypted and no encryption.keys are set.');
    }
    // Accepting plain bytes here would let anyone who can write to the store bypass the authentication.
    if (!encrypted && cipher)
      throw serializationErrors.unknown_key('The value is not encrypted, and encryption is on.');
    return reader;
  };

  return {
    serialize(value, context = '') {
      checkContext(context);
      let payload = codec.encode(value);
      let flags: number = COMPRESSION.none;
      if (compression && payload.length >= minBytes) {
        const smaller = compress(payload, algorithm);
        if (smaller) {
          payload = smaller;
          flags = COMPRESSION[algorithm];
        }
      }
      const size = HEADER_BYTES + (cipher ? 0 : payload.length);
      const bytes = Buffer.allocUnsafe(size);
      bytes[0] = MAGIC;
      bytes[1] = FORMAT;
      bytes[2] = codec.id;
      bytes[3] = cipher ? flags | ENCRYPTED : flags;
      bytes.writeUInt32BE(version, 4);
      if (cipher) return Buffer.concat([bytes, cipher.encrypt(payload, authenticated(bytes, context))]);
      bytes.set(payload, HEADER_BYTES);
      return bytes;
    },
    deserialize(stored, context = '') {
      checkContext(context);
      demandBytes(stored);
      const bytes = asBuffer(stored);
      const reader = checkHeader(bytes);
      let payload: Uint8Array = bytes.subarray(HEADER_BYTES);
      try {
        if (cipher) payload = cipher.decrypt(payload, authenticated(bytes.subarray(0, HEADER_BYTES), context));
        const compressed = bytes[3]! & COMPRESSION_BITS;
        if (compressed !== COMPRESSION.none) payload = inflate(payload, compressed, maxInflatedBytes);
        return reader.decode(payload);
      } catch (cause) {
        if (cause instanceof SerializationError) throw cause;
        // Without the cause: the message of JSON.parse quotes the value, and causes are logged.
        throw serializationErrors.corrupt(`The ${reader.name} value cannot be read; its bytes were changed or cut.`);
      }
    },
  };
}
