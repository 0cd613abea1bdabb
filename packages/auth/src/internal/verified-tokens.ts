import type { webcrypto } from 'node:crypto';
import type { Principal } from '../principal.ts';

/** What the signature of a token proved, and for how long. */
export interface Verified {
  readonly principal: Principal;
  readonly kid: string;
  /** By which it was proved. When `kid` stands for another one, or for none, the proof is none any more. */
  readonly publicKey: webcrypto.CryptoKey;
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
 *
 * Two halves take turns: what is asked for moves to the young one, and when that is full the old one goes. Nothing is
 * written for a hit among the young, where an LRU writes each time.
 */
export class VerifiedTokens {
  readonly #half: number;
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();

  constructor(size: number) {
    this.#half = Math.ceil(size / 2);
  }

  get(token: string): Verified | undefined {
    const tail = token.slice(-TAIL);
    let entry = this.#young.get(tail);
    if (entry === undefined) {
      entry = this.#old.get(tail);
      if (entry === undefined) return undefined;
      this.#put(tail, entry);
    }
    return entry.token === token ? entry.verified : undefined;
  }

  set(token: string, verified: Verified): void {
    if (this.#half > 0) this.#put(token.slice(-TAIL), { token, verified });
  }

  delete(token: string): void {
    const tail = token.slice(-TAIL);
    this.#young.delete(tail);
    this.#old.delete(tail);
  }

  #put(tail: string, entry: Entry): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(tail, entry);
  }
}
