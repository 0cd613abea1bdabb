import { startTimer, type Timer } from '@ent/internal';

/** What {@link Idle} needs to know. */
export interface IdleRules<Session> {
  /** How many stay, however long nobody needs them. */
  readonly min: number;
  readonly idleTimeoutMs: number;
  readonly maxLifetimeMs: number;
  /** How many are open, those in use included. */
  readonly total: () => number;
  /** When it was made, by `performance.now()`. */
  readonly bornAt: (session: Session) => number;
  readonly end: (session: Session) => void;
}

interface Entry<Session> {
  readonly session: Session;
  readonly since: number;
}

/**
 * Connections that nobody uses. The last one that came is the first one to go, so that those beyond the need stay here
 * until their time is over.
 */
export class Idle<Session> {
  readonly #rules: IdleRules<Session>;
  /** In the order in which they came. */
  #entries: Entry<Session>[] = [];
  #timer: Timer | undefined;
  /** When the timer rings, by `performance.now()`. */
  #ringsAt = Infinity;

  constructor(rules: IdleRules<Session>) {
    this.#rules = rules;
  }

  take(): Session | undefined {
    return this.#entries.pop()?.session;
  }

  keep(session: Session): void {
    const entry = { session, since: performance.now() };
    this.#entries.push(entry);
    const end = this.#endOf(entry);
    // Mostly the timer rings before already, for one that is here for longer.
    if (end < this.#ringsAt) this.#ringAt(end);
  }

  /** Takes one out that is lost. */
  remove(session: Session): void {
    this.#entries = this.#entries.filter((entry) => entry.session !== session);
  }

  /** Takes all of them out. */
  clear(): Session[] {
    this.#timer?.cancel();
    this.#ringsAt = Infinity;
    return this.#entries.splice(0).map(({ session }) => session);
  }

  #ringAt(time: number): void {
    this.#timer?.cancel();
    this.#ringsAt = time;
    if (time < Infinity) this.#timer = startTimer(time - performance.now(), () => this.#sweep()).unref();
  }

  /** Ends those whose time is over. */
  #sweep(): void {
    const now = performance.now();
    for (let entry = this.#over(now); entry !== undefined; entry = this.#over(now)) {
      this.remove(entry.session);
      this.#rules.end(entry.session);
    }
    this.#ringAt(Math.min(Infinity, ...this.#entries.map((entry) => this.#endOf(entry))));
  }

  #over(now: number): Entry<Session> | undefined {
    return this.#entries.find((entry) => this.#endOf(entry) <= now);
  }

  /** Until when it can stay. */
  #endOf({ session, since }: Entry<Session>): number {
    const { total, min, bornAt, idleTimeoutMs, maxLifetimeMs } = this.#rules;
    const isSpare = total() > min;
    return Math.min(isSpare ? since + idleTimeoutMs : Infinity, bornAt(session) + maxLifetimeMs);
  }
}
