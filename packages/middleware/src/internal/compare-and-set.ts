import { hash } from 'node:crypto';
import { gcra } from '@ent/internal';
import { middlewareErrors } from '../errors.ts';
import type { RateLimitDecision, RateLimitRule, RateLimitStore } from '../rate-limit-store.ts';

/** One value of a store that has no scripts, for compare and set. */
export interface Slot<Version> {
  /** When everything is free again, in epoch milliseconds; undefined for a key that is not there. */
  read(key: string): Promise<{ readonly arrival: number; readonly version: Version } | undefined>;
  /**
   * Writes if the key is as it was read, in one step; `false` where it is not.
   *
   * @param version what `read` gave; undefined for a key that was not there
   * @param expiresInMs when the key may go
   */
  write(key: string, arrival: number, version: Version | undefined, expiresInMs: number): Promise<boolean>;
}

const ATTEMPTS = 20;
const PLAIN = /^[\x21-\x7e]{1,200}$/;

/**
 * Limits by compare and set, on the clock of the process: read, decide, write if nobody was faster, else once more.
 *
 * Attempts of this process on one key come one after the other, so that no more than the number of processes are at it
 * at once.
 */
export function compareAndSetStore<Version>(slot: Slot<Version>): RateLimitStore {
  const turns = new Map<string, Promise<unknown>>();
  return {
    take(key, cost, rule) {
      const kept = boundedKey(key);
      const decision = (turns.get(kept) ?? Promise.resolve()).then(() => decide(slot, kept, cost, rule));
      // Those behind it do not care how it ended.
      const turn = decision.then(noop, noop).then(() => {
        if (turns.get(kept) === turn) turns.delete(kept);
      });
      turns.set(kept, turn);
      return decision;
    },
  };
}

async function decide<Version>(
  slot: Slot<Version>,
  key: string,
  cost: number,
  rule: RateLimitRule,
): Promise<RateLimitDecision> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const known = await slot.read(key);
    const now = Date.now();
    // No limit keeps a time beyond all its units: it is of a clock that is ahead, or was set back since.
    const arrival = Math.min(known?.arrival ?? 0, now + rule.intervalMs * rule.burst);
    const decision = gcra(arrival, now, cost, rule);
    if (!decision.allowed || decision.resetMs <= 0) return decision;
    if (await slot.write(key, now + decision.resetMs, known?.version, decision.resetMs)) return decision;
  }
  throw middlewareErrors.store_contended('Too many processes count for one key of a rate limit at once.');
}

/** Stores bound the length of keys, and some know spaces and line ends as their own: such a key is hashed. */
function boundedKey(key: string): string {
  return PLAIN.test(key) ? key : `sha256-${hash('sha256', key, 'base64url')}`;
}

function noop(): void {}
