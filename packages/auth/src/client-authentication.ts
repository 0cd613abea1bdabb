import type { SigningKey } from './keys.ts';

/**
 * How a client proves to an authorization server who it is: by a secret, or by a key of its own, whose public half the
 * server has (`private_key_jwt`, RFC 7523).
 */
export type ClientAuthentication =
  | {
      /** `client_id`. */
      readonly id: string;
      readonly secret: string;
      /** Where the secret stands: in a header, or in the body. Default `client_secret_basic`. */
      readonly method?: 'client_secret_basic' | 'client_secret_post' | undefined;
    }
  | {
      /** `client_id`. */
      readonly id: string;
      /** Of `importKey`. `ES256` is what most servers take. */
      readonly key: SigningKey;
    };
