import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { types } from 'node:util';
import { serializationErrors } from './errors.ts';
import { asBuffer } from './internal/buffer.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 4;

/** Encrypts with the first key and decrypts with whichever key the bytes name. */
export interface Cipher {
  encrypt(plain: Uint8Array, authenticated: Uint8Array): Buffer;
  decrypt(sealed: Uint8Array, authenticated: Uint8Array): Buffer;
}

/**
 * AES-256-GCM (NIST SP 800-38D) by node:crypto. Sealed bytes are key id, nonce, tag, ciphertext. The key id is derived
 * from the key, so that nobody has to name keys and two deployments agree on the name of a shared one.
 */
export function createCipher(keys: readonly (Uint8Array | string)[]): Cipher {
  const known = keys.map((key, i) => {
    if (typeof key !== 'string' && !types.isUint8Array(key)) {
      throw serializationErrors.invalid_options(`encryption.keys[${i}] is neither bytes nor a base64 text.`);
    }
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.from(key);
    if (bytes.length !== 32) {
      throw serializationErrors.invalid_options(
        `encryption.keys[${i}] has ${bytes.length} bytes; AES-256 needs 32: make one with \`openssl rand -base64 32\`.`,
      );
    }
    return {
      bytes,
      id: createHmac('sha256', bytes).update('@ent/serialization key id').digest().subarray(0, KEY_ID_BYTES),
    };
  });
  const [current] = known;
  if (!current)
    throw serializationErrors.invalid_options('encryption.keys is empty; give at least one key of 32 bytes.');

  return {
    encrypt(plain, authenticated) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current.bytes, nonce).setAAD(authenticated);
      const text = cipher.update(plain);
      const rest = cipher.final();
      return Buffer.concat([current.id, nonce, cipher.getAuthTag(), text, rest]);
    },
    decrypt(sealed, authenticated) {
      const bytes = asBuffer(sealed);
      const id = bytes.subarray(0, KEY_ID_BYTES);
      const key = known.find((one) => one.id.equals(id));
      if (!key) {
        throw serializationErrors.unknown_key('The value is encrypted with a key that is not among encryption.keys.');
      }
      const nonce = bytes.subarray(KEY_ID_BYTES, KEY_ID_BYTES + NONCE_BYTES);
      const tag = bytes.subarray(KEY_ID_BYTES + NONCE_BYTES, KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(authenticated).setAuthTag(tag);
      return Buffer.concat([decipher.update(bytes.subarray(KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    },
  };
}
