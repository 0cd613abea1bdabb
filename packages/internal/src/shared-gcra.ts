import { gcra, type GcraDecision, type GcraRule } from './gcra.ts';

/** One value of a store that has no scripts, for compare and set. */
export interface GcraSlot<Version> {
  /** When everything is free again, in epoch milliseconds; undefined for a key that is not there. */
  read(key: string): Promise<{ readonly arrival: number; readonly version: Version } | undefined>;
  /**
   * Writes if the key is as it was read, in one step; `false` where it is not.
   *
   * @param version what `read` gave; undefined for a key that was not there
   * @param expiresInMs when the key may go
   */
  write(key: string, arrival: number, version: Version | undefined, expiresInMs: number): Promise<boolean>;
}

const ATTEMPTS = 20;

/**
 * The state of limits that processes share, by compare and set: read, decide, write if nobody was faster, else once
 * more.
 *
 * Steps of this process on one key come one after the other, so that no more than the number of processes are at it at
 * once.
 */
export class SharedGcra<Version> {
  readonly #slot: GcraSlot<Version>;
  readonly #contended: () => Error;
  readonly #turns = new Map<string, Promise<unknown>>();

  /** @param contended the error for who was never fast enough */
  constructor(slot: GcraSlot<Version>, contended: () => Error) {
    this.#slot = slot;
    this.#contended = contended;
  }

  /** Takes `cost` units, or refuses and takes none. */
  take(key: string, cost: number, rule: GcraRule, clock: () => number): Promise<GcraDecision> {
    return this.#change(key, (known) => {
      const now = clock();
      const latest = now + rule.intervalMs * rule.burst;
      // No limit keeps a time beyond all its units: it is of a clock that is ahead, or was set back since.
      const isBeyond = known !== undefined && known > latest;
      const decision = gcra(isBeyond ? latest : (known ?? 0), now, cost, rule);
      const { allowed, resetMs } = decision;
      if (!allowed && isBeyond) return { answer: decision, arrival: latest, expiresInMs: latest - now };
      return { answer: decision, ...(allowed && resetMs > 0 && { arrival: now + resetMs, expiresInMs: resetMs }) };
    });
  }

  /** Gives one unit back that was taken. */
  give(key: string, { intervalMs }: GcraRule, now: number): Promise<void> {
    return this.#change(key, (known) => {
      if (known === undefined || known <= now) return { answer: undefined };
      const arrival = known - intervalMs;
      return { answer: undefined, arrival, expiresInMs: Math.max(0, arrival - now) };
    });
  }

  #change<Answer>(
    key: string,
    decide: (known: number | undefined) => { answer: Answer; arrival?: number; expiresInMs?: number },
  ): Promise<Answer> {
    const done = (this.#turns.get(key) ?? Promise.resolve()).then(async () => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const known = await this.#slot.read(key);
        const { answer, arrival, expiresInMs = 0 } = decide(known?.arrival);
        if (arrival === undefined) return answer;
        if (await this.#slot.write(key, arrival, known?.version, expiresInMs)) return answer;
      }
      throw this.#contended();
    });
    // Those behind it do not care how it ended.
    const turn = done.then(noop, noop).then(() => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    });
    this.#turns.set(key, turn);
    return done;
  }
}

function noop(): void {}
