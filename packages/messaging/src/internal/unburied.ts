import type { WireMessage } from '../driver.ts';

/** Why a message is dead, and after how many tries. */
export interface Cause {
  readonly reason: string;
  readonly attempts: number;
  /** When, in milliseconds since the epoch. Undefined where it was not noted. */
  readonly at: number | undefined;
  /** The fields that do not fit, as the header has them. */
  readonly fields: string | undefined;
}

const MOST = 1000;

/**
 * The messages of a subscription that are dead, but that could not be stored as dead letters. They come back, and what
 * they died of is known here: what keeps them from their grave is not it, and their handler does not get them again.
 */
export class Unburied {
  /** Whether there are none, as nearly always. */
  isEmpty = true;
  readonly #causes = new Map<string, Cause>();

  causeOf(message: WireMessage): Cause | undefined {
    return this.#causes.get(keyOf(message));
  }

  add(message: WireMessage, cause: Cause): void {
    this.#causes.set(keyOf(message), cause);
    this.isEmpty = false;
    if (this.#causes.size <= MOST) return;
    for (const oldest of this.#causes.keys()) return void this.#causes.delete(oldest);
  }

  delete(message: WireMessage): void {
    this.#causes.delete(keyOf(message));
    this.isEmpty = this.#causes.size === 0;
  }
}

/** A publisher may use an id twice. */
function keyOf({ id, time }: WireMessage): string {
  return `${time} ${id}`;
}
