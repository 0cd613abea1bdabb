import { startTimer, type Timer } from '@ent/internal';

/** Deep enough to reach the application's own code. */
const FRAMES = 50;

/** Tells of connections that do not come back, and where they were taken. */
export class LeakWatch<Session> {
  readonly #afterMs: number;
  readonly #timers = new Map<Session, Timer>();

  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /** Where we are: it is asked before the first wait, after which a stack does not show the caller. */
  place(): Error {
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = FRAMES;
    const place = new Error('A connection was taken here.');
    Error.stackTraceLimit = before;
    return place;
  }

  taken(session: Session, place: Error | undefined): void {
    const tell = (): void =>
      process.emitWarning(`A database connection has been in use for more than ${this.#afterMs} ms.`, {
        type: 'DatabaseLeakWarning',
        code: 'ENT_DATABASE_LEAK',
        detail: place?.stack ?? '',
      });
    this.#timers.set(session, startTimer(this.#afterMs, tell).unref());
  }

  back(session: Session): void {
    this.#timers.get(session)?.cancel();
    this.#timers.delete(session);
  }
}
