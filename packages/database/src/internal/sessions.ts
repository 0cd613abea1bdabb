import type { Awaitable, DatabaseDriver } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import { beginCall, type DatabaseCall } from './call.ts';
import { wrapped } from './faults.ts';
import type { Scopes } from './scope.ts';

const CONNECT = { operation: 'connect' };

/**
 * The sessions of a driver: it is connected by the first call and closed after the last; a session that comes too late
 * goes back, and one that was left in the middle of a call is told to be broken.
 */
export class Sessions {
  readonly #driver: DatabaseDriver;
  readonly #timeoutMs: number;
  #connecting: Promise<void> | undefined;
  #connected = false;
  #closing: Promise<void> | undefined;
  #closed = false;
  #inFlight = 0;
  #idle: (() => void) | undefined;

  constructor(driver: DatabaseDriver, timeoutMs: number) {
    this.#driver = driver;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Counts a call or a transaction as in flight; refused once `close` was called, except for a hook that it waits for.
   */
  enter(scopes: Pick<Scopes, 'inHook'>): void {
    if (this.#closing !== undefined && (this.#closed || !scopes.inHook)) {
      throw databaseErrors.closed('The database was closed; this call came after close().');
    }
    this.#inFlight += 1;
  }

  leave(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#idle?.();
  }

  /** A session, within the deadline. */
  acquire(use: 'read' | 'write', forTransaction: boolean, call: DatabaseCall): Awaitable<unknown> {
    if (this.#connected) return this.#acquire(use, forTransaction, call);
    const connected = Promise.resolve(call.guard(this.#connect()));
    return connected.then(() => this.#acquire(use, forTransaction, call));
  }

  release(session: unknown, broken: boolean): void {
    this.#driver.release(session, broken);
  }

  /**
   * Asks the driver, waits for its answer within the deadline, and tells `done` whether the session can still be used.
   */
  ask<R>(call: DatabaseCall, ask: () => Awaitable<R>, done: (broken: boolean) => void): Awaitable<R> {
    let answer: Awaitable<R>;
    try {
      answer = ask();
    } catch (error) {
      done(this.#breaks(error));
      throw error;
    }
    if (answer instanceof Promise) return this.#await(call, answer, done);
    done(false);
    return answer;
  }

  /** Refuses new calls, waits for those in flight, and closes the driver; the same promise for every call. */
  close(begin: () => DatabaseCall): Promise<void> {
    this.#closing ??= this.#close(begin());
    return this.#closing;
  }

  #acquire(use: 'read' | 'write', forTransaction: boolean, call: DatabaseCall): Awaitable<unknown> {
    call.check();
    const session = this.#driver.acquire(use, forTransaction, call);
    return session instanceof Promise ? this.#arrival(session, call) : session;
  }

  /** Waits for a session; one that arrives too late goes back. */
  async #arrival(session: Promise<unknown>, call: DatabaseCall): Promise<unknown> {
    let late = false;
    session.then(
      (arrived) => {
        if (late) this.#driver.release(arrived, false);
      },
      () => {},
    );
    try {
      return await call.guard(session);
    } catch (error) {
      late = true;
      throw error;
    }
  }

  async #await<R>(call: DatabaseCall, answer: Promise<R>, done: (broken: boolean) => void): Promise<R> {
    // Until the driver has answered, nobody knows what is on its way on this session.
    let broken = true;
    const known = answer.then(
      (result) => {
        broken = false;
        return result;
      },
      (error: unknown) => {
        broken = this.#breaks(error);
        throw error;
      },
    );
    try {
      return await call.guard(known);
    } finally {
      done(broken);
    }
  }

  #breaks(error: unknown): boolean {
    return this.#driver.classify(error)?.broken === true;
  }

  #connect(): Promise<void> {
    if (this.#connecting !== undefined) return this.#connecting;
    const connecting = this.#connectOnce();
    this.#connecting = connecting;
    // The next call tries again.
    connecting.catch(() => {
      this.#connecting = undefined;
    });
    return connecting;
  }

  async #connectOnce(): Promise<void> {
    const call = beginCall(undefined, this.#timeoutMs, CONNECT);
    try {
      await call.guard(this.#driver.connect(call));
      this.#connected = true;
    } catch (error) {
      throw wrapped(this.#driver, error, CONNECT);
    } finally {
      call.dispose();
    }
  }

  async #close(call: DatabaseCall): Promise<void> {
    call.waitingFor = 'calls in flight; their transactions were rolled back';
    try {
      if (this.#inFlight > 0) {
        await call.guard(
          new Promise<void>((resolve) => {
            this.#idle = resolve;
          }),
        );
      }
    } finally {
      call.dispose();
      this.#closed = true;
      if (this.#connecting !== undefined) {
        await this.#connecting.catch(() => {});
        await this.#driver.close();
      }
    }
  }
}
