import { AsyncLocalStorage } from 'node:async_hooks';
import { Semaphore } from '@ent/internal';
import type { IsolationLevel, Unlock } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import type { DatabaseCall } from './call.ts';
import { type Attempted, nameOf } from './operation.ts';

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
  /**
   * To the calls in it, this is outside of any transaction: each is in a savepoint of its own. In the end all of it is
   * rolled back.
   */
  isTrial = false;
  /** Of which tenant the database was told last, where it is told. */
  tenant: string;
  /** Gives back the lock that the session holds. */
  unlock: Unlock | undefined;
  /** The session was left in the middle of something. */
  broken = false;
  #pending = 0;
  #idle: (() => void) | undefined;

  constructor(session: unknown, parent?: Unit) {
    this.session = session;
    this.parent = parent;
    this.statements = parent?.statements;
    this.tenant = parent?.tenant ?? '';
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

  /** Whether a call may still begin; one that was made before the end and had to wait says `waited`. */
  assertUsable(attempted: Attempted, waited = false): void {
    if (this.state === 'ended' || (this.state === 'closing' && !waited)) {
      throw databaseErrors.transaction_ended(
        `${nameOf(attempted)} was called in a transaction that has ended. Await every call inside the callback; start work that outlives it in afterCommit.`,
      );
    }
    if (this.failure !== undefined) {
      throw databaseErrors.transaction_failed(
        `${nameOf(attempted)}: an earlier call of this transaction failed, so it can only roll back. Use propagation "nested" for a part that may fail.`,
        { cause: this.failure },
      );
    }
  }
}

/** The surroundings of a call inside a transaction: what the asynchronous context carries. */
export interface Scope {
  readonly unit: Unit;
  readonly parent: Scope | undefined;
  /** The transaction as a call: those in it end with it. */
  readonly call: DatabaseCall;
  readonly isolation: IsolationLevel | undefined;
  readonly readOnly: boolean;
}

/**
 * In place of a scope while afterCommit hooks run: outside of any transaction, and let in while `close` waits for them.
 */
const AFTER_COMMIT = Symbol('after commit');

/** Which transaction a call belongs to. */
export class Scopes {
  readonly #storage = new AsyncLocalStorage<Scope | typeof AFTER_COMMIT | undefined>();

  /**
   * The innermost scope that a call belongs to. A handle of an outer transaction that is used inside an inner one means
   * the inner one; a handle that is used where the async context was lost (an event, a queue) means its own.
   */
  of(bound: Scope | undefined): Scope | undefined {
    const stored = this.#storage.getStore();
    const current = stored === AFTER_COMMIT ? undefined : stored;
    if (bound === undefined) return current;
    for (let scope = current; scope !== undefined; scope = scope.parent) if (scope === bound) return current;
    return bound;
  }

  /** Whether this is an afterCommit hook. */
  get inHook(): boolean {
    return this.#storage.getStore() === AFTER_COMMIT;
  }

  run<R>(scope: Scope, work: () => R): R {
    return this.#storage.run(scope, work);
  }

  runHook<R>(work: () => R): R {
    return this.#storage.run(AFTER_COMMIT, work);
  }
}
