import { startTimer } from '@ent/internal';
import { channels } from '../channels.ts';
import type { Awaitable, DatabaseDriver } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import { beginCall, type DatabaseCall } from './call.ts';
import { wrapped } from './faults.ts';
import { Lease } from './lease.ts';
import { reportPool } from './pool-report.ts';
import type { Scopes } from './scope.ts';

const CONNECT = { operation: 'connect' };

/**
 * The sessions of a driver: it is connected by the first call and closed after the last; a session that comes too late
 * goes back, and one that was left in the middle of a call is told to be broken. The wait for one has a deadline, and
 * one that is not given back is told of.
 */
export class Sessions {
  readonly #driver: DatabaseDriver;
  readonly #timeoutMs: number;
  #connecting: Promise<void> | undefined;
  #connected = false;
  #stopReport: (() => void) | undefined;
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
    return connected.then(() => {
      call.check();
      return this.#acquire(use, forTransaction, call);
    });
  }

  /** @param call the one that it was acquired for */
  release(session: unknown, broken: boolean, call: DatabaseCall): void {
    if (call.lease !== undefined) {
      call.lease.back(broken);
      call.lease = undefined;
    }
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
    const isWatched = this.#driver.pool?.leakAfterMs !== undefined || channels.connection.hasSubscribers;
    const lease = isWatched ? new Lease(this.#driver) : undefined;
    let session: Awaitable<unknown>;
    try {
      session = this.#driver.acquire(use, forTransaction, call);
    } catch (error) {
      lease?.failed(error);
      throw error;
    }
    if (session instanceof Promise) return this.#arrival(session, call, lease);
    call.lease = lease?.taken();
    return session;
  }

  /** Waits for a session; one that arrives too late goes back. */
  async #arrival(session: Promise<unknown>, call: DatabaseCall, lease: Lease | undefined): Promise<unknown> {
    let late = false;
    const { acquireTimeoutMs: ms = Infinity } = this.#driver.pool ?? {};
    const timer = ms === Infinity ? undefined : startTimer(ms, () => this.#giveUp(call, ms));
    session.then(
      (arrived) => {
        if (late) this.#driver.release(arrived, false);
      },
      () => {},
    );
    try {
      const arrived = await call.guard(session);
      call.lease = lease?.taken();
      return arrived;
    } catch (error) {
      late = true;
      lease?.failed(error);
      throw error;
    } finally {
      timer?.cancel();
    }
  }

  /** Ends the wait for a connection that is free; one that is being made has a time of its own. */
  #giveUp(call: DatabaseCall, ms: number): void {
    if (call.waitingFor === undefined) return;
    const { inUse, waiting } = this.#driver.stats();
    call.abort(
      databaseErrors.pool_timeout(
        `No connection was free within ${ms} ms (in use: ${inUse} of ${this.#driver.pool?.max}, waiting: ${waiting}).`,
      ),
    );
  }

  /** By one promise: those of an async function and of `guard` would be most of what a short call costs here. */
  #await<R>(call: DatabaseCall, answer: Promise<R>, done: (broken: boolean) => void): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      let isOver = false;
      const giveUp = (reason: unknown): void => {
        isOver = true;
        // Until the driver has answered, nobody knows what is on its way on this session.
        done(true);
        reject(reason);
      };
      call.watch(giveUp);
      const answered = (broken: boolean): boolean => {
        call.unwatch(giveUp);
        if (!isOver) done(broken);
        return !isOver;
      };
      answer
        .then(
          (result) => answered(false) && resolve(result),
          (error: unknown) => answered(this.#breaks(error)) && reject(error),
        )
        .catch(reject);
    });
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
      this.#stopReport = reportPool(this.#driver);
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
      this.#stopReport?.();
      if (this.#connecting !== undefined) {
        await this.#connecting.catch(() => {});
        await this.#driver.close();
      }
    }
  }
}
