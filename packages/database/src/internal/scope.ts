import type { IsolationLevel } from '../driver.ts';
import type { Deadline } from './deadline.ts';
import { Semaphore } from './semaphore.ts';

/** A transaction or a savepoint: what commits and rolls back as one. */
export class Unit {
  readonly session: unknown;
  readonly parent: Unit | undefined;
  /** A session runs one call at a time; a savepoint holds its parent's gate as long as it lives. */
  readonly gate = new Semaphore(1);
  /** `closing`: calls that were made before may still finish. */
  state: 'open' | 'closing' | 'ended' = 'open';
  /**
   * The first failure; with one, the unit can only roll back, as PostgreSQL and MongoDB have it. Kept the same
   * everywhere.
   */
  failure: unknown;
  hooks: (() => unknown)[] = [];
  /** Set by who wants to know the statements that are sent. */
  statements: string[] | undefined;
  /** The session was left in the middle of something. */
  broken = false;
  #pending = 0;
  #idle: (() => void) | undefined;

  constructor(session: unknown, parent?: Unit) {
    this.session = session;
    this.parent = parent;
    this.statements = parent?.statements;
  }

  begin(): void {
    this.#pending += 1;
  }

  end(): void {
    this.#pending -= 1;
    if (this.#pending === 0) this.#idle?.();
  }

  /** When the calls that were begun have ended. */
  async idle(): Promise<void> {
    if (this.#pending === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }
}

/**
 * In place of a scope while afterCommit hooks run: outside of any transaction, and let in while `close` waits for them.
 */
export const AFTER_COMMIT = Symbol('after commit');

/** The surroundings of a call inside a transaction: what AsyncLocalStorage carries. */
export interface Scope {
  readonly unit: Unit;
  readonly parent: Scope | undefined;
  readonly deadline: Deadline;
  readonly isolation: IsolationLevel | undefined;
  readonly readOnly: boolean;
}
