import { randomUUID } from 'node:crypto';
import type { Clock } from '../options.ts';
import type { Rows } from './database.ts';
import type { Mark } from './tables.ts';

/** The row that says whose turn it is. */
const TURN = 'turn';

/** A moment, by both clocks. */
interface Since {
  readonly elapsed: number;
  readonly wall: number;
}

/**
 * Relays take turns: one of them sends at a time, so that each message is sent by one, and in order. A turn is held
 * for a time only, and renewed while it is held.
 *
 * No two clocks are compared. The holder counts from before it took or renewed its turn; who wants it from when it
 * saw the mark, and it takes it over once that has not changed for as long as a turn lasts.
 */
export class Turn {
  readonly #marks: Rows<Mark>;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #elapsed: () => number;
  /** Another one for each relay, also of the same process. */
  readonly #owner = randomUUID();
  /** Whose turn it was when somebody else had it, as of when. */
  #seen: { readonly owner: string; readonly count: number; readonly since: number } | undefined;
  /** When it was taken or renewed, by both clocks. */
  #since: Since | undefined;
  #cancelRenewal = (): void => {};

  /** @param elapsed milliseconds since some moment, which no step of the wall clock moves */
  constructor(marks: Rows<Mark>, leaseMs: number, clock: Clock, elapsed: () => number) {
    this.#marks = marks;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
    this.#elapsed = elapsed;
  }

  /** Whether it is ours for certain: by the wall clock as well, since the other one may stand still in a sleep. */
  get isHeld(): boolean {
    if (this.#since === undefined) return false;
    const { elapsed, wall } = this.#since;
    return this.#elapsed() - elapsed < this.#leaseMs && this.#clock.now() - wall < this.#leaseMs;
  }

  /** Makes the row, so that it is there to be taken. */
  async prepare(): Promise<void> {
    const at = this.#date();
    await this.#marks.upsert(['id'], { id: TURN, count: 0, owner: null, at }, { set: { at } });
  }

  /** False while it is another one's. */
  async take(): Promise<boolean> {
    const since = (await this.#become({ owner: null })) ?? (await this.#takeOver());
    if (since === undefined) return false;
    this.#since = since;
    this.#seen = undefined;
    this.#renewLater();
    return true;
  }

  /** Lets others have it at once. */
  async giveBack(): Promise<void> {
    this.#forget();
    await this.#marks.updateMany({ set: { owner: null } }, { where: { id: TURN, owner: this.#owner } });
  }

  /** Lets it run out: what was sent may still be on its way. */
  abandon(): void {
    this.#forget();
  }

  async #takeOver(): Promise<Since | undefined> {
    const mark = await this.#marks.get(TURN);
    if (mark === null) await this.prepare();
    const owner = mark?.owner ?? null;
    if (mark === null || owner === null) return undefined;
    // Taken by us before, in a call whose answer was lost.
    if (owner === this.#owner) return this.#become({ owner });
    const { count } = mark;
    const now = this.#elapsed();
    if (this.#seen?.owner !== owner || this.#seen.count !== count) this.#seen = { owner, count, since: now };
    if (now - this.#seen.since < this.#leaseMs) return undefined;
    return this.#become({ owner, count });
  }

  /** Compare and set. Answers when it began, if it is ours now. */
  async #become(condition: { readonly owner: string | null; readonly count?: number }): Promise<Since | undefined> {
    const since = { elapsed: this.#elapsed(), wall: this.#clock.now() };
    const change = { set: { owner: this.#owner, at: this.#date() }, inc: { count: 1 } };
    const { matched } = await this.#marks.updateMany(change, { where: { id: TURN, ...condition } });
    return matched > 0 ? since : undefined;
  }

  #renewLater(): void {
    this.#cancelRenewal = this.#clock.after(this.#leaseMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const before = this.#since;
    let since = before;
    try {
      since = await this.#become({ owner: this.#owner });
    } catch {
      // Tried again at the next third; should that be too late, it has run out by itself.
    }
    // Given back meanwhile, and perhaps taken again.
    if (this.#since !== before) return;
    this.#since = since;
    if (since !== undefined) this.#renewLater();
  }

  #forget(): void {
    this.#since = undefined;
    this.#cancelRenewal();
  }

  #date(): Date {
    return new Date(this.#clock.now());
  }
}
