import type { Clock } from '../options.ts';
import type { OutboxDatabase, Rows } from './database.ts';
import { PARKED, type StoredMessage } from './tables.ts';
import { type Blocked, wavesOf } from './waves.ts';

/**
 * The messages of an outbox, as a relay sees them. Only the relay whose turn it is reads and changes them; what it has
 * sent it removes at any time.
 */
export class Store {
  readonly #rows: Rows<StoredMessage>;
  readonly #clock: Clock;
  readonly #transaction: OutboxDatabase['transaction'];
  /** Sent, and not removed yet: they are not sent again, whatever happens to the database meanwhile. */
  #sent: string[] = [];

  constructor(rows: Rows<StoredMessage>, transaction: OutboxDatabase['transaction'], clock: Clock) {
    this.#rows = rows;
    this.#transaction = transaction;
    this.#clock = clock;
  }

  /** Whether something was sent that could not be removed. */
  get isUnsettled(): boolean {
    return this.#sent.length > 0;
  }

  /** Whether there is something to send; what a replica of the database says is good enough here. */
  async hasDue(): Promise<boolean> {
    return (await this.#due(1)).length > 0;
  }

  /** What can be sent now, in waves; empty when there is nothing. */
  async next(limit: number): Promise<{ readonly waves: StoredMessage[][]; readonly isAll: boolean }> {
    // In a transaction, which reads from no replica: it could show what the relay before this one has sent.
    const { found, rows } = await this.#transaction(async () => {
      const due = await this.#due(limit);
      return { found: due, rows: await this.#completed(due, limit) };
    });
    const { waves, blocked } = wavesOf(rows, this.#now());
    for (const key of blocked) await this.#postpone(key);
    return { waves, isAll: found.length < limit };
  }

  /** How many are due, parked ones left out. */
  countDue(): Promise<number> {
    return this.#rows.count({ where: { dueAt: { lte: this.#now() } } });
  }

  sent(rows: readonly StoredMessage[]): void {
    this.#sent.push(...rows.map(({ id }) => id));
  }

  /** Removes what was sent. To be tried again before anything else is sent, should it fail. */
  async settle(): Promise<void> {
    const ids = this.#sent;
    if (ids.length === 0) return;
    await this.#rows.deleteMany({ where: { id: { in: ids } } });
    this.#sent = [];
  }

  /** Tries it again later, and what comes after it by its key not before. */
  async postpone({ id, orderKey }: StoredMessage, attempts: number, error: string, until: Date): Promise<void> {
    await this.#rows.updateMany({ set: { attempts, error, dueAt: until } }, { where: { id } });
    if (orderKey !== null) await this.#postpone({ orderKey, until });
  }

  /** Does not try it again. */
  async park({ id }: StoredMessage, attempts: number, error: string): Promise<void> {
    await this.#rows.updateMany({ set: { attempts, error, dueAt: PARKED } }, { where: { id } });
  }

  /** Ordinary ones first, in the order of their making; then those that are tried again. */
  #due(limit: number): Promise<StoredMessage[]> {
    return this.#rows.find({ where: { dueAt: { lte: this.#now() } }, sort: [['dueAt', 'asc']], limit });
  }

  /**
   * With all that stands before them by their keys. They were found in the order of their publishers' clocks, and what
   * failed is due later.
   */
  async #completed(found: readonly StoredMessage[], limit: number): Promise<StoredMessage[]> {
    const last = new Map<string, number>();
    for (const { orderKey, position } of found) {
      if (orderKey !== null) last.set(orderKey, Math.max(position, last.get(orderKey) ?? position));
    }
    if (last.size === 0) return [...found];
    const most = limit * 10;
    const before = await this.#rows.find({
      where: {
        $or: [...last].map(([orderKey, position]) => ({
          orderKey,
          position: { lt: position },
          dueAt: { lt: PARKED },
        })),
      },
      sort: [['position', 'asc']],
      limit: most,
    });
    // What was not read comes after all that was; so of these keys only that can be sent.
    const rest = before.length === most ? found.filter(({ orderKey }) => orderKey === null) : found;
    return [...new Map([...before, ...rest].map((row) => [row.id, row])).values()];
  }

  /** All of a key that would be due earlier. */
  async #postpone({ orderKey, until }: Blocked): Promise<void> {
    await this.#rows.updateMany({ set: { dueAt: until } }, { where: { orderKey, dueAt: { lt: until } } });
  }

  #now(): Date {
    return new Date(this.#clock.now());
  }
}
