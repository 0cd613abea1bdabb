import { databaseErrors } from '../errors.ts';

/** How long a database that was found full counts as full, where no write says otherwise. */
const FULL_MS = 30_000;

/**
 * Whether the database is full, as the last writes have found it. A database that is full still reads, so a ping that
 * only reads would call it well; and with no traffic nothing would ever find out that there is room again, so it is
 * believed for a while only.
 */
export class Fullness {
  /** Whether a write has found it full, and none was stored since. */
  isSuspected = false;
  #until = 0;
  #error: unknown;

  /** A write, or the commit of what was written, has failed with `error`. */
  failed(error: unknown): void {
    if ((error as { code?: unknown } | null)?.code !== databaseErrors.full.code) return;
    this.#error = error;
    this.#until = performance.now() + FULL_MS;
    this.isSuspected = true;
  }

  /** @throws `database.full` */
  check(): void {
    if (!this.isSuspected || performance.now() >= this.#until) return;
    throw databaseErrors.full('ping: the last write found the database full.', {
      cause: this.#error,
      retryAfterMs: FULL_MS,
    });
  }
}
