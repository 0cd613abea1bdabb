import { hash } from 'node:crypto';
import { CompactEncrypt, compactDecrypt, errors as joseErrors } from 'jose';
import { authErrors } from '../errors.ts';
import { deriveSecret, type Secret } from '../refresh-tokens.ts';

const ALG = 'dir';
const ENC = 'A256GCM';

/** Encrypts with the first of its secrets, and decrypts by whichever one a text names. */
export interface Sealer {
  seal(text: string): Promise<string>;
  /** @throws `auth.configuration` for a text of another secret, or one that was changed */
  open(sealed: string): Promise<string>;
}

/** What is encrypted: no text of one use is taken for one of another. */
interface Use {
  /** Derives the key. */
  readonly purpose: string;
  readonly typ: string;
  /** For messages: `The stored keys`. */
  readonly what: string;
}

/** JWE (RFC 7516) in its compact form, with a key that is derived from the secret. */
export function createSealer(secrets: readonly Secret[], { purpose, typ, what }: Use): Sealer {
  const keys = secrets.map((secret) => {
    const key = deriveSecret(secret, purpose);
    // Says which secret it was, and nothing of it: the key behind it has 256 bits.
    return { key, kid: hash('sha256', key, 'base64url').slice(0, 8) };
  });
  const [first] = keys;
  if (first === undefined) throw authErrors.configuration('"secret" must not be an empty list.');
  return {
    seal: (text) =>
      new CompactEncrypt(new TextEncoder().encode(text))
        .setProtectedHeader({ alg: ALG, enc: ENC, kid: first.kid, typ })
        .encrypt(first.key),
    async open(sealed) {
      try {
        const { plaintext } = await compactDecrypt(
          sealed,
          ({ kid, typ: given }) => {
            const known = given === typ ? keys.find((each) => each.kid === kid) : undefined;
            if (known === undefined) throw new joseErrors.JWEDecryptionFailed('of another secret');
            return known.key;
          },
          { keyManagementAlgorithms: [ALG], contentEncryptionAlgorithms: [ENC] },
        );
        return new TextDecoder().decode(plaintext);
      } catch (cause) {
        throw authErrors.configuration(`${what} cannot be decrypted: "secret" is another one, or it is damaged.`, {
          cause,
        });
      }
    },
  };
}
