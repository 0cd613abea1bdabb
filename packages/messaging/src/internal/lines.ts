import type { Ticket } from '@ent/internal';
import type { Hands } from './hands.ts';

/** A place in the line of a key. */
export interface Turn {
  readonly key: string;
  readonly begin: () => void;
  /** Among those that wait for a hand: who is first in its line does. */
  place: Ticket<() => void> | undefined;
}

/** One at a time for each key, in the order in which they came; who is first in its line waits for a free hand. */
export class Lines {
  readonly #hands: Hands;
  readonly #lines = new Map<string, Turn[]>();
  #called: Turn[] = [];
  #isCalling = false;

  constructor(hands: Hands) {
    this.#hands = hands;
  }

  enter(key: string, begin: () => void): Turn {
    const turn: Turn = { key, begin, place: undefined };
    const line = this.#lines.get(key);
    if (line) line.push(turn);
    else {
      this.#lines.set(key, [turn]);
      this.#call(turn);
    }
    return turn;
  }

  /** It is over, or is not to begin: the next one of its key may. */
  leave(turn: Turn): void {
    if (turn.place) this.#hands.withdraw(turn.place);
    const line = this.#lines.get(turn.key) ?? [];
    const at = line.indexOf(turn);
    if (at >= 0) line.splice(at, 1);
    if (at !== 0) return;
    if (line[0]) this.#call(line[0]);
    else this.#lines.delete(turn.key);
  }

  /** One after the other, not one inside the other: handlers that end at once would fill the stack. */
  #call(turn: Turn): void {
    this.#called.push(turn);
    if (this.#isCalling) return;
    this.#isCalling = true;
    for (let next = this.#called.shift(); next; next = this.#called.shift()) {
      const one = next;
      // It may have left meanwhile.
      if (this.#lines.get(one.key)?.[0] !== one) continue;
      one.place = this.#hands.take(() => {
        one.place = undefined;
        one.begin();
      });
    }
    this.#isCalling = false;
  }
}
