import { hash } from 'node:crypto';
import { type RowMaker, rowMaker } from '../../internal/compiled.ts';
import type { SqlStatement } from '../../internal/sql/types.ts';

const MAX_NAMES = 1000;
/** How long statements have no names after one was gone, in milliseconds: what took it may do so again. */
const WITHOUT_MS = 60_000;

/**
 * Under which names statements are prepared: PostgreSQL then parses one once for each connection, and plans it a few
 * times. What came only once has none, so that filters made of hostile input do not fill the server's memory.
 *
 * A name is a hash of the text: whoever has a statement of this name, also on a connection that a pooler has lent to
 * many, has the same one.
 */
export class Names {
  /** Goes up when a schema has changed below prepared statements; connections of an older one are not used again. */
  generation = 0;
  #enabled: boolean;
  /** Until when there are none, by `performance.now()`. */
  #withoutUntil = -Infinity;
  #count = 0;
  readonly #known = new WeakMap<SqlStatement, string>();
  readonly #makers = new WeakMap<SqlStatement, RowMaker>();

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  of(statement: SqlStatement): string | undefined {
    if (!this.#enabled || !statement.recurs || statement.kind !== 'rows') return undefined;
    if (this.#withoutUntil > 0 && this.#withoutUntil > performance.now()) return undefined;
    const name = this.#known.get(statement);
    if (name === undefined) {
      this.#known.set(statement, '');
      return undefined;
    }
    if (name !== '' || this.#count === MAX_NAMES) return name || undefined;
    this.#count += 1;
    const made = `ent_${hash('sha256', statement.sql).slice(0, 40)}`;
    this.#known.set(statement, made);
    return made;
  }

  /** What makes the rows that a statement answers, once the names of their columns were told. */
  makerOf(statement: SqlStatement): RowMaker | undefined {
    return this.#makers.get(statement);
  }

  /** @param columns as the server has told them, if it was asked */
  learn(statement: SqlStatement, columns: readonly string[] | undefined): void {
    if (columns === undefined && statement.returnsRows) return;
    if (statement.recurs && !this.#makers.has(statement)) this.#makers.set(statement, rowMaker(columns ?? []));
  }

  /** No more names: a pooler stands in between, which may run each transaction on another connection. */
  disable(): void {
    this.#enabled = false;
  }

  /**
   * What the server said of a prepared statement that it does not take any more.
   *
   * @param state 0A000: its columns have changed. 26000, 42P05: it is gone, or was never ours, since a pooler lends
   *   connections, or DISCARD ALL was sent; pg would believe in its own list for ever. Later it is tried again: where
   *   that was done once, all is well on new connections
   */
  stale(state: string): void {
    this.generation += 1;
    if (state !== '0A000') this.#withoutUntil = performance.now() + WITHOUT_MS;
  }
}

/** Whether an error says that a prepared statement does not do any more. Nothing was executed then. */
export function isStale(error: Error): boolean {
  const { code, routine } = error as { readonly code?: unknown; readonly routine?: unknown };
  // 0A000 is all that PostgreSQL does not support; this function finds plans that do not fit.
  return code === '26000' || code === '42P05' || (code === '0A000' && routine === 'RevalidateCachedQuery');
}
