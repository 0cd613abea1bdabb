export type { Codec } from './codec.ts';
export { json } from './codecs/json.ts';
export { v8 } from './codecs/v8.ts';
export { SerializationError, serializationErrors } from './errors.ts';
export type { CompressionOptions, EncryptionOptions, SerializerOptions } from './options.ts';
export { createSerializer, type Serializer } from './serializer.ts';
