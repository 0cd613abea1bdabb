import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { pause, startTimer, type Timer } from '@ent/internal';
import type { Collection, Db } from 'mongodb';
import type { DriverCall } from '../../driver.ts';
import { isDuplicateKey } from './errors.ts';
import type { HeldLock, Session } from './session.ts';

/** How often the holder says that it lives, in milliseconds. */
const BEAT_MS = 1_000;
/** After this time without an answer to a beat the holder gives up by itself, in milliseconds. */
const SURE_MS = 6_000;
/** After this time without a beat another one takes the lock, in milliseconds. */
const SILENCE_MS = 12_000;
const LOOK_MS = { first: 20, most: 500 };
const ENDING_MS = 2_000;

/** The document of a lock. Nobody's clock is in it: those of two machines need not agree. */
interface LockDocument {
  /** The name of the lock. */
  readonly _id: string;
  readonly token: string;
  readonly beats: number;
  readonly host: string;
  readonly pid: number;
}

/**
 * Waits for the lock of this name: a document whose holder counts it up each second, while who waits watches it. One
 * that stands still for twelve seconds is that of a process which is dead or cut off, and is taken over.
 */
export async function takeLock(session: Session, name: string, call: DriverCall): Promise<Lock> {
  const locks = locksOf(session.db);
  const mine: LockDocument = { _id: name, token: randomUUID(), beats: 0, host: hostname(), pid: process.pid };
  let seen: { readonly lock: LockDocument; readonly at: number } | undefined;
  for (let ms = LOOK_MS.first; ; ms = Math.min(ms * 2, LOOK_MS.most)) {
    const askedAt = performance.now();
    const lock = await locks.findOne({ _id: name }, session.with(call));
    if (lock === null) {
      if (await isFirst(locks, mine, session, call)) return new Lock(locks, mine, askedAt);
      continue;
    }
    call.waitingFor = `another process that migrates (${lock.host}, process ${lock.pid})`;
    if (seen?.lock.token !== lock.token || seen.lock.beats !== lock.beats) seen = { lock, at: performance.now() };
    else if (askedAt - seen.at > SILENCE_MS) {
      const { _id, token, beats } = lock;
      const { matchedCount } = await locks.updateOne(
        { _id, token, beats },
        { $set: valuesOf(mine) },
        session.with(call),
      );
      if (matchedCount === 1) return new Lock(locks, mine, askedAt);
    }
    await pause(ms, call.signal);
    call.signal.throwIfAborted();
  }
}

async function isFirst(
  locks: Collection<LockDocument>,
  mine: LockDocument,
  session: Session,
  call: DriverCall,
): Promise<boolean> {
  try {
    await locks.insertOne(mine, session.with(call));
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

function valuesOf({ _id, ...values }: LockDocument): Omit<LockDocument, '_id'> {
  return values;
}

function locksOf(db: Db): Collection<LockDocument> {
  return db.collection<LockDocument>('ent_locks');
}

/** A lock that is held, and renewed in the background. */
export class Lock implements HeldLock {
  readonly #locks: Collection<LockDocument>;
  readonly #mine: Pick<LockDocument, '_id' | 'token'>;
  readonly #ending = new AbortController();
  /** When the last beat that was answered was sent. */
  #sureFrom: number;
  #isLost = false;
  #timer: Timer | undefined;
  #beating: Promise<void> = Promise.resolve();

  constructor(locks: Collection<LockDocument>, { _id, token }: LockDocument, askedAt: number) {
    this.#locks = locks;
    this.#mine = { _id, token };
    this.#sureFrom = askedAt;
    this.#next();
  }

  get isSure(): boolean {
    return !this.#isLost && performance.now() - this.#sureFrom < SURE_MS;
  }

  async end(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#timer?.cancel();
    await this.#beating;
    const options = { signal: AbortSignal.timeout(ENDING_MS), maxTimeMS: ENDING_MS };
    await this.#locks.deleteOne(this.#mine, options).catch(() => {});
  }

  #next(): void {
    this.#timer = startTimer(BEAT_MS, () => {
      this.#beating = this.#beat();
    });
  }

  async #beat(): Promise<void> {
    const sentAt = performance.now();
    const options = { signal: this.#ending.signal, maxTimeMS: SURE_MS };
    try {
      const { matchedCount } = await this.#locks.updateOne(this.#mine, { $inc: { beats: 1 } }, options);
      if (matchedCount === 1) this.#sureFrom = sentAt;
      else this.#isLost = true;
    } catch {
      // Perhaps the next one is answered; if none is, the lock is not sure any more.
    }
    if (!this.#isLost && !this.#ending.signal.aborted) this.#next();
  }
}
