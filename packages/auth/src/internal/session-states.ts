import type { SessionRecord } from '../driver.ts';
import { Recent } from './recent.ts';

interface State {
  readonly session: SessionRecord;
  /** When the store was asked, by `performance.now()`: a step of the wall clock must not make the time longer. */
  readonly askedAt: number;
}

// About 4 MB. No process verifies tokens of more sessions than this in one second.
const SIZE = 10_000;

/**
 * Living sessions as the store had them at most `ttlMs` ago. What this process ends is gone from here at once: also an
 * answer that was on its way from the store meanwhile is not kept.
 */
export class SessionStates {
  readonly #ttlMs: number;
  readonly #states: Recent<State>;
  /** How often sessions were ended here. */
  #ends = 0;

  /** @param ttlMs 0 keeps nothing */
  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
    this.#states = new Recent(ttlMs > 0 ? SIZE : 0);
  }

  get(id: string): SessionRecord | undefined {
    const state = this.#states.get(id);
    return state !== undefined && performance.now() - state.askedAt < this.#ttlMs ? state.session : undefined;
  }

  /** Asks the store. The time counts from the question on: the answer may have been true only then. */
  async load(ask: () => Promise<SessionRecord | undefined>): Promise<SessionRecord | undefined> {
    const askedAt = performance.now();
    const ends = this.#ends;
    const session = await ask();
    if (session?.revokedAt === null && ends === this.#ends) this.#states.set(session.id, { session, askedAt });
    return session;
  }

  /** Runs `work`, which ends one session or those of an account; it may have done so even where it fails. */
  async ending<T>(which: { readonly id: string } | { readonly subject: string }, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#ends++;
      if ('id' in which) this.#states.delete(which.id);
      else this.#states.deleteWhere(({ session }) => session.subject === which.subject);
    }
  }
}
