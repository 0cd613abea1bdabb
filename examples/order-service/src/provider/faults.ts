import { hash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Middleware } from '@ent/middleware';

/** How badly the provider behaves, by a seed: the same requests in the same order have the same luck. */
export interface Faults {
  readonly seed: number;
  /** Of so many requests, 0 to 1, nothing is done, and the answer is 503. */
  readonly refuse: number;
  /** So many are done, and the answer is lost on its way: the worst of all, since the money is taken. */
  readonly lose: number;
  /** The longest delay of an answer, in milliseconds. */
  readonly delay: number;
}

/** Numbers from 0 to below 1, always the same ones for a seed. */
function chances(seed: number): () => number {
  let count = 0;
  return () => hash('sha256', `${seed}:${count++}`, 'buffer').readUInt32BE() / 2 ** 32;
}

/** Is to the routes behind it what the network and a busy provider are. */
export function faults({ seed, refuse, lose, delay }: Faults): Middleware {
  const chance = chances(seed);
  return {
    name: 'faults',
    async before({ path }) {
      if (!path.startsWith('/v1/')) return undefined;
      const isRefused = chance() < refuse;
      if (delay > 0) await pause(chance() * delay);
      return isRefused ? { status: 503, headers: { 'retry-after': '1' } } : undefined;
    },
    reply: ({ path }, { status }) =>
      path.startsWith('/v1/') && status === 200 && chance() < lose ? { status: 504 } : undefined,
  };
}
