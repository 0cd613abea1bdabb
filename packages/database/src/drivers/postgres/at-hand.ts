import { startTimer, type Timer } from '@ent/internal';
import type { Session } from './session.ts';

/** How long a connection is kept from its pool, in milliseconds. */
const KEPT_MS = 250;

/**
 * Connections that were used a moment ago: pg's pool would hand them out in another turn of the event loop, after a few
 * promises. They go back to the pool several times a second, which closes those that are old, or not used for long.
 */
export class AtHand {
  readonly #sessions: Session[] = [];
  #timer: Timer | undefined;

  take(): Session | undefined {
    return this.#sessions.pop();
  }

  keep(session: Session): void {
    this.#sessions.push(session);
    this.#timer ??= startTimer(KEPT_MS, () => this.clear()).unref();
  }

  /** Takes one out that is lost, and answers whether it was here. */
  remove(session: Session): boolean {
    const index = this.#sessions.indexOf(session);
    if (index !== -1) this.#sessions.splice(index, 1);
    return index !== -1;
  }

  /** Gives all of them back to the pool. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { client } of this.#sessions.splice(0)) client.release();
  }
}
