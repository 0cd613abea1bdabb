import type { webcrypto } from 'node:crypto';
import type { Principal } from '../principal.ts';
import { Recent } from './recent.ts';

/** What the signature of a token proved, and for how long. */
export interface Verified {
  readonly principal: Principal;
  readonly kid: string;
  /** The key by which it was proved. When `kid` stands for another one, or for none, the proof is none any more. */
  readonly by: webcrypto.CryptoKey;
  /** Seconds since the epoch, as the token has them: the later of `nbf` and `iat`, and `exp`. */
  readonly notBefore: number;
  readonly expiresAt: number;
}

interface Entry {
  readonly token: string;
  readonly verified: Verified;
}

// A tail of the signature finds the token, which is then compared as a whole: to hash all of its text takes longer than
// all the rest of a hit.
const TAIL = 32;

/**
 * Tokens that one verifier has verified. Only what has a good signature gets in, so nobody can fill it with made-up
 * ones; and it holds `size` of them at most.
 */
export class VerifiedTokens {
  readonly #entries: Recent<Entry>;

  constructor(size: number) {
    this.#entries = new Recent(size);
  }

  get(token: string): Verified | undefined {
    const entry = this.#entries.get(token.slice(-TAIL));
    return entry?.token === token ? entry.verified : undefined;
  }

  set(token: string, verified: Verified): void {
    this.#entries.set(token.slice(-TAIL), { token, verified });
  }

  delete(token: string): void {
    this.#entries.delete(token.slice(-TAIL));
  }
}
