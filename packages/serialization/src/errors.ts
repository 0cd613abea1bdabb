import { defineErrors, EntError } from '@ent/errors';

/** An error of this package; see {@link serializationErrors} for its codes. */
export class SerializationError extends EntError {}

const spec = { class: SerializationError, status: 500, retryable: 'never', expose: false } as const;

/** The codes of this package. */
export const serializationErrors = defineErrors('serialization', {
  /** The codec would change the value; the message has the JSON pointer of the part and a codec that keeps it. */
  not_lossless: { ...spec, title: 'The value cannot be kept by this codec' },
  /** The bytes are cut, changed, or not ours. */
  corrupt: { ...spec, title: 'The bytes cannot be read' },
  /** Written by another deployment: another format, schema version or codec. Treat it as absent. */
  other_version: { ...spec, title: 'The bytes were written by another version' },
  /** Encrypted with a key that is not configured, or not encrypted where it has to be. */
  unknown_key: { ...spec, title: 'The encryption key is not known' },
  /** Inflates to more than the limit. */
  too_large: { ...spec, title: 'The value is too large' },
  /** A setting is wrong; found when the serializer is made. */
  invalid_options: { ...spec, title: 'The options of the serializer are wrong' },
});
