import { hash } from 'node:crypto';

// Printable ASCII without the space: what the text protocol takes for one word.
const SAFE = /^[!-}][!-~]{0,199}$/;

/**
 * A key that memcached and memcache-client take: up to 250 bytes, no spaces or controls (a line break would
 * start another command). Others become `~` and a SHA-256; no safe key starts so. `__proto__` is no key for the
 * plain object that the client collects replies in.
 */
export function wireKey(key: string): string {
  return SAFE.test(key) && key !== '__proto__' ? key : `~${hash('sha256', key, 'base64url')}`;
}

/**
 * Rendezvous hashing: each key belongs to the server that scores highest for it. When a server comes or goes, only its
 * own keys move. The order in which servers are listed does not matter.
 */
export class Rendezvous {
  readonly #seeds: readonly number[];

  constructor(names: readonly string[]) {
    this.#seeds = names.map(fnv1a);
  }

  /** The index of the key's server. */
  pick(key: string): number {
    if (this.#seeds.length === 1) return 0;
    const base = fnv1a(key);
    let best = 0;
    let bestScore = -1;
    for (const [i, seed] of this.#seeds.entries()) {
      const score = mix(base ^ Math.imul(seed, 0x9e37_79b1));
      if (score > bestScore) {
        best = i;
        bestScore = score;
      }
    }
    return best;
  }
}

/** FNV-1a, 32 bits. http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text: string): number {
  let value = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193);
  return value;
}

/** The finalizer of MurmurHash3: every bit of the input changes half of the output. */
function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
