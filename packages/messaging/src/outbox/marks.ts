import type { Clock } from '../options.ts';
import type { Rows } from './database.ts';
import type { Mark, StoredMessage } from './tables.ts';

const PREFIX = 'key:';
/** How long a key is not used before its mark is removed. */
const KEPT_MS = 3_600_000;
const AT_ONCE = 100;

/** Counts the messages of each key. */
export class Marks {
  readonly #marks: Rows<Mark>;
  readonly #messages: Rows<StoredMessage>;
  readonly #clock: Clock;

  constructor(marks: Rows<Mark>, messages: Rows<StoredMessage>, clock: Clock) {
    this.#marks = marks;
    this.#messages = messages;
    this.#clock = clock;
  }

  /**
   * The next position of a key. Others who publish by it wait for the end of this transaction, so that positions are in
   * the order of the commits, whatever the clocks of the machines say.
   */
  async next(key: string): Promise<number> {
    const at = new Date(this.#clock.now());
    const fresh = { id: PREFIX + key, count: 1, owner: null, at };
    return (await this.#marks.upsert(['id'], fresh, { set: { at }, inc: { count: 1 } })).count;
  }

  /** Removes the marks of keys that nobody has used for an hour, and that have nothing waiting. */
  async clean(stop: AbortSignal): Promise<void> {
    const before = new Date(this.#clock.now() - KEPT_MS);
    let after = PREFIX;
    while (!stop.aborted) {
      const where = { id: { startsWith: PREFIX, gt: after }, at: { lt: before } };
      const old = await this.#marks.find({ where, sort: [['id', 'asc']], limit: AT_ONCE });
      const last = old.at(-1);
      if (last === undefined) return;
      after = last.id;
      await this.#remove(old);
    }
  }

  async #remove(old: readonly Mark[]): Promise<void> {
    let unused = old;
    while (unused.length > 0) {
      const keys = unused.map(({ id }) => id.slice(PREFIX.length));
      const [waiting] = await this.#messages.find({ where: { orderKey: { in: keys } }, limit: 1 });
      if (waiting === undefined) break;
      unused = unused.filter(({ id }) => id !== PREFIX + waiting.orderKey);
    }
    if (unused.length === 0) return;
    // Only as it was seen: who has published by it meanwhile has counted on.
    await this.#marks.deleteMany({ where: { $or: unused.map(({ id, count }) => ({ id, count })) } });
  }
}
