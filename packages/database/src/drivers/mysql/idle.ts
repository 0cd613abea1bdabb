import { startTimer, type Timer } from '@ent/internal';

/** What {@link Idle} needs to know. */
export interface IdleRules<Session> {
  /** How many stay, however long nobody needs them. */
  readonly min: number;
  readonly idleTimeoutMs: number;
  readonly maxLifetimeMs: number;
  /** How many are open, those in use included. */
  total(): number;
  /** When it was made, by `performance.now()`. */
  bornAt(session: Session): number;
  end(session: Session): void;
}

/**
 * Connections that nobody uses. The last one that came is the first one to go, so that those beyond the need stay here
 * until their time is over.
 */
export class Idle<Session> {
  readonly #rules: IdleRules<Session>;
  /** In the order in which they came. */
  readonly #sessions: { readonly session: Session; readonly since: number }[] = [];
  #timer: Timer | undefined;

  constructor(rules: IdleRules<Session>) {
    this.#rules = rules;
  }

  take(): Session | undefined {
    return this.#sessions.pop()?.session;
  }

  keep(session: Session): void {
    const now = performance.now();
    if (now - this.#rules.bornAt(session) >= this.#rules.maxLifetimeMs) this.#rules.end(session);
    else this.#sessions.push({ session, since: now });
    this.#wait();
  }

  /** Takes one out that is lost. */
  remove(session: Session): void {
    const index = this.#sessions.findIndex((each) => each.session === session);
    if (index !== -1) this.#sessions.splice(index, 1);
  }

  /** Takes all of them out. */
  clear(): Session[] {
    this.#timer?.cancel();
    this.#timer = undefined;
    return this.#sessions.splice(0).map(({ session }) => session);
  }

  #wait(): void {
    if (this.#timer !== undefined || this.#sessions.length === 0) return;
    const { idleTimeoutMs, maxLifetimeMs, bornAt } = this.#rules;
    const now = performance.now();
    const left = this.#sessions.map(({ session, since }) =>
      Math.min(this.#isSpare ? since + idleTimeoutMs : Infinity, bornAt(session) + maxLifetimeMs),
    );
    this.#timer = startTimer(Math.max(0, Math.min(...left) - now), () => {
      this.#timer = undefined;
      this.#sweep();
      this.#wait();
    }).unref();
  }

  /** Whether there are more than have to stay. */
  get #isSpare(): boolean {
    return this.#rules.total() > this.#rules.min;
  }

  #sweep(): void {
    const { idleTimeoutMs, maxLifetimeMs, bornAt, end } = this.#rules;
    const now = performance.now();
    for (const entry of [...this.#sessions]) {
      const isOld = now - bornAt(entry.session) >= maxLifetimeMs;
      if (!isOld && !(this.#isSpare && now - entry.since >= idleTimeoutMs)) continue;
      this.remove(entry.session);
      end(entry.session);
    }
  }
}
