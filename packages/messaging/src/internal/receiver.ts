import type { Ticket } from '@ent/internal';
import type { Delivery, Source, SubscriptionSpec, WireMessage } from '../driver.ts';
import { HEADERS } from '../message.ts';
import { pause } from './clock.ts';
import type { Common } from './common.ts';
import { deadLetterOf, fieldsOf, reasonOf } from './dead-letter.ts';
import type { Figures } from './figures.ts';
import type { Hands } from './hands.ts';
import { Job, type Outcome } from './job.ts';
import type { Lines, Turn } from './lines.ts';
import { renewing } from './renewal.ts';
import { type Arrival, arrivalOf, keptBack, retriedArrivalOf, retryOf, suspectOf } from './retry.ts';
import { store } from './send.ts';
import { Settler } from './settler.ts';
import type { SubscriptionSetup } from './setup.ts';
import type { Cause, Unburied } from './unburied.ts';

/** How many messages that wait for their next try are held beside those being handled. */
const WAITING_HERE = 100;
/**
 * How long one of them is held. Then it goes to the end of the retry topic: nobody
 * else has to wait for it, nor for this process. A broker that keeps messages back has those that wait for longer.
 */
const HELD_FOR_MS = 10_000;
/** How long a suspect is held before it is tried: what the broker sends along with it comes by then, and goes. */
const SUSPECT_FOR_MS = 200;
/** For less no broker is asked to keep a message back. */
const LEAST_KEPT_MS = 2_000;

/** A delivery that is held here. */
interface Held {
  readonly arrival: Arrival;
  readonly job: Job;
  /** Waits for a free hand. */
  readonly begin: () => void;
  /** Its place among those that wait for a hand. */
  place: Ticket<() => void> | undefined;
  /** Its place in the line of its key, until it has ended. */
  turn: Turn | undefined;
  /** False from when its handler begins, or its storing. */
  waits: boolean;
  /** When it will be due, if the broker could keep it back until then. */
  dueAt: number | undefined;
  cancel: (() => void) | undefined;
}

/** How many deliveries a receiver holds at the most. */
export function windowOf(setup: SubscriptionSetup, from: 'topic' | 'retries'): number {
  return from === 'topic' ? setup.prefetch : setup.prefetch + WAITING_HERE;
}

/** One open source, and the messages that are held from it. */
export class Receiver {
  readonly #source: Source;
  readonly #from: 'topic' | 'retries';
  readonly #setup: SubscriptionSetup;
  readonly #hands: Hands;
  readonly #lines: Lines | undefined;
  readonly #figures: Figures;
  readonly #unburied: Unburied;
  readonly #settler: Settler;
  readonly #held = new Set<Held>();
  /** Of those, what is to be given back. */
  readonly #unbegun = new Set<Held>();
  /** Waits are cut from here on: it drains, or is lost. */
  readonly #ending = new AbortController();
  /** Nothing is stored any more: the time for draining is up, or the source is lost. */
  readonly #over = new AbortController();
  #changed = (): void => {};
  /** The source is, of this. */
  #dead: { readonly error: unknown } | undefined;
  readonly #endRenewal: () => void;
  #received = 0;
  /** How many were too busy, one after the other. */
  #busy = 0;

  constructor(source: Source, from: 'topic' | 'retries', { setup, hands, lines, figures, unburied }: Common) {
    this.#source = source;
    this.#from = from;
    this.#setup = setup;
    this.#hands = hands;
    this.#lines = lines;
    this.#figures = figures;
    this.#unburied = unburied;
    this.#settler = new Settler(source);
    source.onEnd?.((error) => {
      this.#dead = { error };
      // Who drains asks for nothing more, and waits for handlers that have lost their messages.
      if (this.#ending.signal.aborted) this.stop('lost');
      this.#changed();
    });
    const held = (): readonly unknown[] => [...this.#held].map(({ arrival }) => arrival.token);
    this.#endRenewal = renewing(source, setup.time.clock, held, (stale) => this.#lose(stale));
  }

  /** Whether it has ever received something. */
  get isProven(): boolean {
    return this.#received > 0;
  }

  /** Receives and handles until the signal aborts. Rejects when the source dies. */
  async receive(stop: AbortSignal): Promise<void> {
    // At once: a driver may take a while to stop receiving, and a hand that becomes free meanwhile begins with nothing.
    const halt = (): void => this.#halt();
    stop.addEventListener('abort', halt, { once: true });
    try {
      while (!stop.aborted) {
        if (this.#dead) throw this.#dead.error;
        const room = windowOf(this.#setup, this.#from) - this.#held.size;
        if (room <= 0) {
          if (this.#from === 'retries') this.#makeRoom();
          await this.#change();
          continue;
        }
        const deliveries = await this.#source.receive(room, stop);
        this.#received += deliveries.length;
        const held = deliveries.map((delivery) => this.#hold(delivery));
        if (stop.aborted) return;
        const questionable: Held[] = [];
        for (const one of held) {
          const { cameOften, isSuspect, deadly } = one.arrival;
          if (cameOften || (isSuspect && !deadly)) questionable.push(one);
        }
        if (questionable.length > 0) await this.#question(questionable);
        // The handler of one may have closed the subscription: the others are given back by then.
        for (const one of held) {
          const { isSuspect, waitMs } = one.arrival;
          if (one.waits) this.#wait(one, isSuspect ? Math.max(waitMs, SUSPECT_FOR_MS) : waitMs);
        }
      }
      // It was full, and has not told the source to take no more: what is given back now would come to it again.
      if (!this.#dead) for (const late of await this.#source.receive(1, stop)) this.#hold(late);
    } finally {
      stop.removeEventListener('abort', halt);
    }
  }

  /** Gives back what was not begun, waits for the handlers that run, and closes the source. */
  async drain(): Promise<void> {
    this.#halt();
    await Promise.all([...this.#unbegun].reverse().map((one) => this.#release(one)));
    while (this.#held.size > 0) await this.#change();
    await this.#close();
  }

  /** Aborts the handlers that run. Their messages go back (`released`), or are gone with the source (`lost`). */
  stop(why: 'released' | 'lost'): void {
    this.#ending.abort();
    this.#over.abort();
    if (why === 'lost') {
      for (const one of this.#lastFirst()) if (this.#takeBack(one)) this.#drop(one);
      void this.#close().catch(() => {});
    }
    for (const { job } of this.#held) job.stop(why);
  }

  /** Begins with nothing more. */
  #halt(): void {
    this.#ending.abort();
    for (const one of this.#lastFirst()) if (this.#takeBack(one)) this.#unbegun.add(one);
    this.#changed();
  }

  /** Whoever leaves lets the next one of its key begin. */
  #lastFirst(): Held[] {
    return [...this.#held].reverse();
  }

  #hold(delivery: Delivery): Held {
    const read = this.#from === 'topic' ? arrivalOf : retriedArrivalOf;
    const arrival = read(delivery, this.#setup, this.#unburied);
    const held: Held = {
      arrival,
      job: new Job(arrival, this.#setup),
      begin: () => this.#handle(held),
      place: undefined,
      turn: undefined,
      waits: true,
      dueAt: undefined,
      cancel: undefined,
    };
    this.#held.add(held);
    return held;
  }

  /**
   * What came back often becomes a suspect. A suspect that cannot be tried at once is stored as none: whoever dies
   * takes along all that waits with it, and none of that is to blame. Nothing of them is tried before that is done.
   */
  async #question(questionable: readonly Held[]): Promise<void> {
    const isBefore = (held: Held): boolean => held.waits && held.arrival.isSuspect && !questionable.includes(held);
    let free = this.#hands.free - [...this.#held].filter(isBefore).length;
    const moves = questionable.map(async (held) => {
      const { isSuspect, waitMs } = held.arrival;
      const isDue = waitMs === 0;
      if (isSuspect && isDue && free-- > 0) return;
      held.waits = false;
      if (await this.#storeAnew(held.arrival, !isSuspect && isDue)) this.#drop(held);
      // It can be stored nowhere. It waits as any other, and is given back when that is over.
      else if (this.#ending.signal.aborted) await this.#release(held);
      else held.waits = true;
    });
    await Promise.all(moves);
  }

  /** At the end of the retry topic, where nobody has taken it back yet. */
  #storeAnew(arrival: Arrival, asSuspect: boolean, signal = this.#over.signal): Promise<boolean> {
    const { message, attempt, waitMs, cause } = arrival;
    const letter = retryOf(message, attempt - 1, waitMs, this.#setup, cause);
    return this.#move(arrival, asSuspect ? suspectOf(letter) : letter, this.#setup.retries as SubscriptionSpec, signal);
  }

  /**
   * For its time, then for a free hand; but not for ever where others could have it.
   *
   * @param mayBeKept false where the broker was to keep it back, and has not
   */
  #wait(held: Held, waitMs: number, mayBeKept = this.#setup.driver.features.delays): void {
    if (this.#from === 'topic') {
      if (waitMs > 0) this.#postpone(held, waitMs);
      else if (this.#lines) this.#queue(held, this.#lines);
      else held.place = this.#hands.take(held.begin);
      return;
    }
    const { clock } = this.#setup.time;
    const putBack = (leftMs: number) => (): void => {
      if (this.#takeBack(held)) void this.#putBack(held, leftMs, false);
    };
    if (waitMs > HELD_FOR_MS) {
      if (mayBeKept) this.#keepBack(held, waitMs);
      else held.cancel = clock.after(HELD_FOR_MS, putBack(waitMs - HELD_FOR_MS));
      return;
    }
    if (mayBeKept) held.dueAt = clock.now() + waitMs;
    const handOver = (): void => {
      held.dueAt = undefined;
      held.cancel = clock.after(HELD_FOR_MS, putBack(0));
      if (this.#lines) this.#queue(held, this.#lines);
      else held.place = this.#hands.take(held.begin);
    };
    if (waitMs > 0) held.cancel = clock.after(waitMs, handOver);
    else handOver();
  }

  #keepBack(held: Held, waitMs: number): void {
    if (this.#takeBack(held)) void this.#putBack(held, waitMs, true);
  }

  /** So much waits here that nothing more can come: what has time left waits in the broker, and holds nobody up. */
  #makeRoom(): void {
    const now = this.#setup.time.clock.now();
    for (const held of this.#held) {
      const leftMs = (held.dueAt ?? now) - now;
      if (leftMs >= LEAST_KEPT_MS) this.#keepBack(held, leftMs);
    }
  }

  /** For a free hand, and for its key. */
  #queue(held: Held, lines: Lines): void {
    const key = held.arrival.message.headers[HEADERS.key];
    if (key !== undefined) held.turn = lines.enter(key, held.begin);
    else held.place = this.#hands.take(held.begin);
  }

  /** It is to come later. */
  #postpone(held: Held, waitMs: number): void {
    held.waits = false;
    void this.#later(held.arrival, waitMs).then(() => this.#drop(held));
  }

  /** It waits where retries do, and was not tried. */
  async #later(arrival: Arrival, waitMs: number): Promise<unknown> {
    const { token, message, attempt } = arrival;
    const { retries, time } = this.#setup;
    if (!retries) return this.#settler.settled({ token, action: 'postpone', delayMs: Math.ceil(waitMs) });
    const letter = retryOf(message, attempt - 1, waitMs, this.#setup);
    if (await this.#shelve(arrival, letter, retries, waitMs)) return;
    await pause(time.clock, Math.min(waitMs, HELD_FOR_MS), this.#ending.signal);
    return this.#settler.settled({ token, action: 'release' });
  }

  /** False when it has begun. */
  #takeBack(held: Held): boolean {
    if (!held.waits) return false;
    held.waits = false;
    held.dueAt = undefined;
    held.cancel?.();
    if (held.place) this.#hands.withdraw(held.place);
    if (held.turn) this.#leave(held, held.turn);
    return true;
  }

  #handle(held: Held): void {
    held.waits = false;
    held.cancel?.();
    this.#figures.running++;
    if (held.arrival.attempt > 1) this.#figures.redelivered++;
    const outcome = held.job.run();
    if (outcome instanceof Promise) void outcome.then((ended) => this.#end(held, ended));
    else this.#end(held, outcome);
  }

  #end(held: Held, outcome: Outcome): void {
    const { token } = held.arrival;
    const drop = (): void => this.#drop(held);
    this.#figures.running--;
    if (outcome.action !== 'postponed') this.#busy = 0;
    if (outcome.action === 'done') this.#figures.handled++;
    else if (outcome.action === 'postponed') this.#figures.postponed++;
    else if (outcome.action === 'expired') this.#figures.expired++;
    else if ('error' in outcome) this.#figures.failed++;
    // It is held until it is settled; the next one begins meanwhile.
    switch (outcome.action) {
      case 'done':
      case 'others':
      case 'expired':
        if (!this.#unburied.isEmpty) this.#unburied.delete(held.arrival.message);
        this.#settler.settle({ token, action: 'ack' }, drop);
        break;
      case 'released':
        void this.#release(held);
        break;
      case 'lost':
        drop();
        break;
      case 'postponed':
        void this.#later(held.arrival, this.#setup.backoff(++this.#busy)).then(drop);
        break;
      default:
        void this.#fail(held.arrival, outcome.action === 'dead_letter', outcome.error).then(drop);
    }
    if (held.turn) this.#leave(held, held.turn);
    this.#hands.give();
  }

  #leave(held: Held, turn: Turn): void {
    this.#lines?.leave(turn);
    held.turn = undefined;
  }

  async #fail(arrival: Arrival, isDead: boolean, error: unknown): Promise<unknown> {
    if (!isDead) return this.#retry(arrival);
    const cause = arrival.cause ?? {
      reason: reasonOf(error),
      attempts: arrival.deadly ? arrival.tries : arrival.attempt,
      at: this.#setup.time.clock.now(),
      fields: fieldsOf(error),
    };
    const { deadLetter } = this.#setup;
    if (!deadLetter) return this.#settler.settled({ token: arrival.token, action: 'ack' });
    if (await this.#move(arrival, deadLetterOf(arrival, this.#setup, deadLetter, cause), deadLetter)) {
      this.#figures.deadLettered++;
      return this.#unburied.delete(arrival.message);
    }
    this.#unburied.add(arrival.message, cause);
    return this.#retry(arrival, cause);
  }

  async #retry(arrival: Arrival, cause?: Cause): Promise<unknown> {
    const { token, message, attempt } = arrival;
    const { backoff, retries, time } = this.#setup;
    const delayMs = backoff(attempt);
    if (!retries) return this.#settler.settled({ token, action: 'retry', delayMs });
    const letter = retryOf(message, attempt, delayMs, this.#setup, cause);
    if (await this.#shelve(arrival, letter, retries, delayMs)) return;
    // It can be stored nowhere. It waits here, lest its handler be called again and again, and goes back as it came.
    await pause(time.clock, delayMs, this.#ending.signal);
    return this.#settler.settled({ token, action: 'release' });
  }

  /** What waits for long does so in the broker, where that can keep it back; else with who receives it. */
  async #shelve(arrival: Arrival, letter: WireMessage, to: SubscriptionSpec, waitMs: number): Promise<boolean> {
    const isKept = waitMs > HELD_FOR_MS && this.#setup.driver.features.delays;
    if (isKept && (await this.#move(arrival, keptBack(letter, waitMs, to), to))) return true;
    return this.#move(arrival, letter, to);
  }

  /**
   * Stores it there before it is done here: a crash in between makes a
   * duplicate, never a loss. False when it is not stored.
   */
  async #move(
    { token }: Arrival,
    letter: WireMessage,
    to: SubscriptionSpec,
    signal = this.#over.signal,
  ): Promise<boolean> {
    const { driver, time } = this.#setup;
    if (!(await store(driver, letter, to.group, time, signal))) return false;
    await this.#settler.settled({ token, action: 'ack' });
    return true;
  }

  /** To the end of the retry topic, or to where the broker keeps it back. */
  async #putBack(held: Held, waitMs: number, isKept: boolean): Promise<void> {
    const { message, attempt, cause } = held.arrival;
    const to = this.#setup.retries as SubscriptionSpec;
    const letter = retryOf(message, attempt - 1, waitMs, this.#setup, cause);
    if (await this.#move(held.arrival, isKept ? keptBack(letter, waitMs, to) : letter, to)) return this.#drop(held);
    if (this.#ending.signal.aborted) return this.#release(held);
    held.waits = true;
    // A broker that will not keep it back, for want of rights perhaps, would be asked again and again.
    this.#wait(held, waitMs, false);
  }

  /** Whoever gives back a suspect does not die of it: it is stored as none, even when the time for draining is up. */
  async #release(held: Held): Promise<void> {
    const { arrival } = held;
    const isAnew =
      arrival.isSuspect && !this.#dead && (await this.#storeAnew(arrival, false, new AbortController().signal));
    if (!isAnew) await this.#settler.settled({ token: arrival.token, action: 'release' });
    this.#drop(held);
  }

  #drop(held: Held): void {
    this.#held.delete(held);
    this.#changed();
  }

  /** Resolves when a message is dropped, or receiving is to stop. One waits at a time. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }

  #close(): Promise<void> {
    this.#endRenewal();
    return this.#source.close();
  }

  /** Somebody else has them. */
  #lose(stale: ReadonlySet<unknown>): void {
    for (const held of [...this.#held].filter(({ arrival }) => stale.has(arrival.token))) {
      if (this.#takeBack(held)) this.#drop(held);
      else held.job.stop('lost');
    }
  }
}
