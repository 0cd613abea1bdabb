import { Call, outsideContext, startTimer, traced } from '@ent/internal';
import { channels, type ReplicaOperation } from '../../channels.ts';
import type { DriverCall } from '../../driver.ts';
import type { SessionSource } from './sessions.ts';

/** How often the replicas are looked at, while somebody reads. */
const EVERY_MS = 250;
/** How long one that is left out because it could not be reached is left in peace. */
const RETRY_MS = 1_000;
/** How long an answer may take. */
const ANSWER_MS = 5_000;
/** How many positions of the primary are remembered, over the time that a replica may be behind. */
const SAMPLES = 200;

/** A copy of a database that follows it and takes reads. */
export interface Replica<Session> {
  /** Its host and port, for who is told about it. */
  readonly name: string;
  readonly source: SessionSource<Session>;
}

/** A primary, its replicas, and how to learn how far each has come. */
export interface Replication<Session, Position = unknown> {
  /** For who is told that a replica is left out. */
  readonly system: string;
  readonly namespace: string;
  readonly primary: SessionSource<Session>;
  readonly replicas: readonly Replica<Session>[];
  /** How far behind a replica may be, in milliseconds. */
  readonly maxLagMs: number;
  /** How far the log of the primary has come: all that was committed before the question stands before there. */
  written(session: Session, call: DriverCall): Promise<Position>;
  /** How far a replica shows it. Rejects for a server that is no replica. */
  shown(session: Session, call: DriverCall): Promise<Position>;
  /** Whether a replica that shows `shown` shows all that stands before `written`. */
  covers(shown: Position, written: Position): boolean;
}

/** What is known of a replica. */
interface Watched<Session> {
  readonly replica: Replica<Session>;
  /** It shows all that was committed before this time, by `performance.now()`. */
  showsUntil: number;
  /** Ends the time in which it is left out. */
  takeBack: (() => void) | undefined;
  retryAt: number;
}

/**
 * How fresh each replica is, and which are left out. Every now and then the primary is asked for its position and the
 * replicas for theirs: one that has come to where the primary was at some time shows all that was committed before that
 * time. So a read needs no question of its own, and a write no answer. Nobody is asked while nobody reads.
 */
export class ReplicaWatch<Session, Position> {
  readonly #parts: Replication<Session, Position>;
  readonly #watched: ReadonlyMap<Replica<Session>, Watched<Session>>;
  /** Where the primary was, oldest first; the first is as old as a replica may be behind, or older. */
  readonly #samples: { readonly at: number; readonly position: Position }[] = [];
  #isWanted = false;
  #isIdle = true;
  #isClosed = false;
  #looking: Promise<void> = Promise.resolve();

  constructor(parts: Replication<Session, Position>) {
    this.#parts = parts;
    this.#watched = new Map(
      parts.replicas.map((replica) => [
        replica,
        { replica, showsUntil: -Infinity, takeBack: undefined, retryAt: -Infinity },
      ]),
    );
  }

  /** The replicas that show what was committed before `asOf`. */
  fresh(asOf: number): Replica<Session>[] {
    this.#isWanted = true;
    if (this.#isIdle) this.#look();
    const least = Math.max(asOf, performance.now() - this.#parts.maxLagMs);
    return [...this.#watched.values()]
      .filter(({ showsUntil, takeBack }) => showsUntil > least && takeBack === undefined)
      .map(({ replica }) => replica);
  }

  /** A replica could not be reached: it is left out until it can. */
  failed(replica: Replica<Session>, cause: unknown): void {
    const watched = this.#watched.get(replica);
    if (watched !== undefined) this.#leaveOut(watched, 'unavailable', cause);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#looking;
    for (const { takeBack } of this.#watched.values()) takeBack?.();
  }

  #look(): void {
    this.#isIdle = false;
    this.#isWanted = false;
    this.#looking = outsideContext(async () => {
      await this.#sample();
      await Promise.all([...this.#watched.values()].map((watched) => this.#measure(watched)));
      const again = (): void => {
        this.#isIdle = true;
        if (this.#isWanted && !this.#isClosed) this.#look();
      };
      startTimer(EVERY_MS, again).unref();
    });
  }

  async #sample(): Promise<void> {
    const samples = this.#samples;
    const { primary, maxLagMs } = this.#parts;
    const at = performance.now();
    try {
      const position = await this.#ask(primary, (session, call) => this.#parts.written(session, call));
      const [before, last] = samples.slice(-2);
      if (before !== undefined && last !== undefined && last.at - before.at < maxLagMs / SAMPLES) samples.pop();
      samples.push({ at, position });
    } catch {
      // Its own calls tell. How far behind the replicas are nobody knows meanwhile.
    }
    while (samples[1] !== undefined && samples[1].at <= at - maxLagMs) samples.shift();
  }

  async #measure(watched: Watched<Session>): Promise<void> {
    if (performance.now() < watched.retryAt) return;
    const { source } = watched.replica;
    try {
      const shown = await this.#ask(source, (session, call) => this.#parts.shown(session, call));
      const covered = this.#samples.findLast(({ position }) => this.#parts.covers(shown, position));
      watched.showsUntil = Math.max(watched.showsUntil, covered?.at ?? -Infinity);
    } catch (error) {
      this.#leaveOut(watched, 'unavailable', error);
      return;
    }
    const least = performance.now() - this.#parts.maxLagMs;
    const [oldest] = this.#samples;
    if (watched.showsUntil > least) this.#takeBack(watched);
    else if (oldest !== undefined && oldest.at <= least && watched.showsUntil < oldest.at) {
      this.#leaveOut(watched, 'lag');
    }
  }

  #leaveOut(watched: Watched<Session>, reason: ReplicaOperation['reason'], cause?: unknown): void {
    if (reason === 'unavailable') watched.retryAt = performance.now() + RETRY_MS;
    if (watched.takeBack !== undefined || this.#isClosed) return;
    const { system, namespace } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    watched.takeBack = resolve;
    const event: ReplicaOperation = { system, namespace, replica: watched.replica.name, reason, cause };
    void outsideContext(() => traced(channels.replica, event, () => promise));
  }

  #takeBack(watched: Watched<Session>): void {
    watched.takeBack?.();
    watched.takeBack = undefined;
  }

  /** Asks on a connection beyond those of the calls, which may all be waiting. */
  async #ask(
    source: SessionSource<Session>,
    question: (session: Session, call: DriverCall) => Promise<Position>,
  ): Promise<Position> {
    const call = new Call(ANSWER_MS, () => new Error('It did not answer in time.'));
    const taking = (async () => source.take(call))();
    let answered = false;
    try {
      const position = await call.guard(taking.then((session) => question(session, call)));
      answered = true;
      return position;
    } finally {
      call.dispose();
      const back = (session: Session): unknown => (answered ? source.give(session) : source.end(session));
      void taking.then(back).catch(() => {});
    }
  }
}
