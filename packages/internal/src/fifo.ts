/** A place in a {@link Fifo}. */
export interface Ticket<T> {
  readonly value: T;
  before: Ticket<T> | undefined;
  after: Ticket<T> | undefined;
  isIn: boolean;
}

/**
 * First come, first served, where any may leave before its turn. A `Set` would do, but for what it costs: looking for
 * its first entry passes all that were deleted before it, so that a queue of 100,000 takes seconds to empty.
 */
export class Fifo<T> {
  /** How many are in; a field, since it is asked where nobody waits. */
  size = 0;
  #first: Ticket<T> | undefined;
  #last: Ticket<T> | undefined;

  push(value: T): Ticket<T> {
    const ticket: Ticket<T> = { value, before: this.#last, after: undefined, isIn: true };
    if (this.#last === undefined) this.#first = ticket;
    else this.#last.after = ticket;
    this.#last = ticket;
    this.size++;
    return ticket;
  }

  /** Takes out who came first. */
  shift(): T | undefined {
    const first = this.#first;
    if (first !== undefined) this.remove(first);
    return first?.value;
  }

  /** Takes one out; false when it is not in any more. */
  remove(ticket: Ticket<T>): boolean {
    if (!ticket.isIn) return false;
    ticket.isIn = false;
    if (ticket.before === undefined) this.#first = ticket.after;
    else ticket.before.after = ticket.after;
    if (ticket.after === undefined) this.#last = ticket.before;
    else ticket.after.before = ticket.before;
    ticket.before = ticket.after = undefined;
    this.size--;
    return true;
  }
}
