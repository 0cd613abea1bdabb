import { exponentialBackoff, outsideContext, refuseUnknown, traced } from '@ent/internal';
import { channels } from '../channels.ts';
import { messagingErrors } from '../errors.ts';
import { countOption, durationOption } from '../internal/checks.ts';
import { pause, systemClock } from '../internal/clock.ts';
import type { Forwarding } from '../internal/forward.ts';
import type { Clock, CloseOptions, Duration } from '../options.ts';
import type { OutboxDatabase, Rows } from './database.ts';
import { Marks } from './marks.ts';
import type { Notifier } from './notifier.ts';
import { eventOf, Pass, type PassEnd, type PassSetup } from './pass.ts';
import { Routes } from './routes.ts';
import { Store } from './store.ts';
import type { Mark, StoredMessage } from './tables.ts';
import { Turn } from './turn.ts';

/** Options of `outbox.relay`. */
export interface RelayOptions {
  /** How many messages are read and sent at once, and so how many may come twice after a crash. Default 100. */
  readonly batch?: number | undefined;
  /**
   * How often to look for messages that nobody told of: those of other processes, and of one that died. Default
   * `"5s"`; `"30s"` with a notifier.
   */
  readonly poll?: Duration | undefined;
  /**
   * How long the turn of a relay that died lasts, until another one takes over. One that stands still for longer may
   * send what the other one sends too. Default `"15s"`.
   */
  readonly lease?: Duration | undefined;
  /** How often a message is refused, while others get through, before it is parked. Default 10. */
  readonly maxAttempts?: number | undefined;
  /** For tests. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** For tests: where the jitter of waits comes from. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Sends what an outbox has. */
export interface Relay {
  /**
   * Begins. Any number of relays may run, in any processes; they take turns.
   *
   * @throws what the database does where the tables are missing; `messaging.closed` after `close`
   */
  start(): Promise<void>;
  /**
   * Ends: what is being sent is waited for, and the turn is given to others. At the deadline it is left as it is: what
   * was on its way comes twice, perhaps. Default `"20s"`.
   */
  close(options?: CloseOptions): Promise<void>;
  /**
   * Asks nobody: for a health check.
   *
   * @throws the last error, for as long as nothing gets through to the broker, or the database does not answer
   */
  ping(): Promise<void>;
}

/** What an outbox gives to its relays. */
export interface RelayParts {
  readonly messages: Rows<StoredMessage>;
  readonly marks: Rows<Mark>;
  readonly transaction: OutboxDatabase['transaction'];
  readonly notifier: Notifier | undefined;
  /** Says when something is committed here, until the answer is called. */
  readonly onCommit: (wake: () => void) => () => void;
}

const OPTIONS = { batch: true, poll: true, lease: true, maxAttempts: true, clock: true, random: true } as const;
/** How soon one that waits for its turn asks again. */
const TURN_MS = { base: 25, max: 1000 };
/** While the broker or the database is away. */
const TROUBLE_MS = { base: 500, max: 30_000 };
/** How often in a lease it is tried to remove what was sent: others send it again once the lease has run out. */
const SETTLES_PER_LEASE = 10;
/** Before a message that was refused is tried again. */
const REFUSED_MS = { base: 1000, max: 300_000 };
/** How long it may take to remove what was sent after the deadline has cut the rest. */
const CUT_MS = 1000;
const CLEAN_EVERY_MS = 3_600_000;

export class OutboxRelay implements Relay {
  readonly #parts: RelayParts;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #settleMs: number;
  readonly #store: Store;
  readonly #turn: Turn;
  readonly #marks: Marks;
  readonly #pass: PassSetup;
  readonly #stop = new AbortController();
  readonly #cut = new AbortController();
  readonly #waits: { readonly turn: (n: number) => number; readonly trouble: (n: number) => number };
  #starting: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #ends: (() => unknown)[] = [];
  /** Something was committed that is not looked for yet. */
  #isAwaited = true;
  #wake = (): void => {};
  /** When messages are due that wait for their next try. */
  #dueAt: number[] = [];
  #cleanAt: number;
  /** Why nothing gets through. */
  #trouble: Error | undefined;

  constructor(parts: RelayParts, forwarding: Forwarding, options: RelayOptions) {
    refuseUnknown(options, OPTIONS, 'relay', messagingErrors.invalid_options);
    const { clock = systemClock, random = Math.random } = options;
    this.#parts = parts;
    this.#clock = clock;
    this.#pollMs = durationOption(options.poll ?? (parts.notifier ? '30s' : '5s'), 'poll');
    const elapsed = clock === systemClock ? () => performance.now() : () => clock.now();
    this.#store = new Store(parts.messages, parts.transaction, clock);
    const leaseMs = durationOption(options.lease ?? '15s', 'lease');
    this.#settleMs = leaseMs / SETTLES_PER_LEASE;
    this.#turn = new Turn(parts.marks, leaseMs, clock, elapsed);
    this.#marks = new Marks(parts.marks, parts.messages, clock);
    this.#cleanAt = clock.now() + CLEAN_EVERY_MS * random();
    const waits = ({ base, max }: { base: number; max: number }) =>
      exponentialBackoff({ baseMs: base, maxMs: max, jitter: 0.5, random });
    this.#waits = { turn: waits(TURN_MS), trouble: waits(TROUBLE_MS) };
    this.#pass = {
      store: this.#store,
      turn: this.#turn,
      routes: new Routes(),
      forwarding,
      clock,
      batch: countOption(options.batch ?? 100, 'batch', 1),
      maxAttempts: countOption(options.maxAttempts ?? 10, 'maxAttempts', 1),
      backoff: waits(REFUSED_MS),
      stop: this.#stop.signal,
      cut: this.#cut.signal,
    };
  }

  async start(): Promise<void> {
    if (this.#stop.signal.aborted) throw messagingErrors.closed('This relay was closed; make another one.');
    this.#starting ??= this.#begin();
    return this.#starting;
  }

  async #begin(): Promise<void> {
    try {
      // Not in the transaction or request of who starts it.
      await outsideContext(() => this.#turn.prepare());
      const { notifier, onCommit } = this.#parts;
      this.#ends.push(onCommit(() => this.#tell()));
      if (notifier) {
        const listening = await outsideContext(() => notifier.listen(() => this.#tell()));
        this.#ends.push(() => listening.close());
      }
    } catch (error) {
      await this.#unlisten();
      this.#starting = undefined;
      throw error;
    }
    this.#running = outsideContext(() => this.#run());
  }

  async ping(): Promise<void> {
    if (this.#trouble !== undefined) throw this.#trouble;
  }

  async close(options: CloseOptions = {}): Promise<void> {
    refuseUnknown(options, { timeout: true }, 'close', messagingErrors.invalid_options);
    const timeoutMs = durationOption(options.timeout ?? '20s', 'timeout');
    this.#stop.abort();
    this.#wake();
    await this.#starting?.catch(() => {});
    const cancel = this.#clock.after(timeoutMs, () => this.#cut.abort(), true);
    await new Promise<void>((resolve) => {
      this.#cut.signal.addEventListener('abort', () => this.#clock.after(CUT_MS, resolve, true), { once: true });
      void Promise.resolve(this.#running).then(resolve);
    });
    cancel();
    await this.#unlisten();
  }

  /** Whoever listens may be gone with the database. */
  async #unlisten(): Promise<void> {
    for (const end of this.#ends.splice(0)) await Promise.resolve(end()).catch(() => {});
  }

  #tell(): void {
    this.#isAwaited = true;
    this.#wake();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    let waited = 0;
    let trouble = 0;
    while (!this.#stop.signal.aborted) {
      const end = await this.#look(trouble > 0);
      waited = end === 'waits' || end === 'ended' ? waited + 1 : 0;
      trouble = end === 'trouble' ? trouble + 1 : 0;
      if (trouble === 0) this.#trouble = undefined;
      if (waited > 0) await pause(this.#clock, this.#waits.turn(waited), this.#stop.signal);
      else if (trouble > 0) await pause(this.#clock, this.#troubleMs(trouble), this.#stop.signal);
      else await this.#idle();
    }
  }

  #troubleMs(times: number): number {
    const wait = this.#waits.trouble(times);
    return this.#store.isUnsettled ? Math.min(wait, this.#settleMs) : wait;
  }

  /** Sends what there is, where it is our turn. */
  async #look(isCareful: boolean): Promise<PassEnd | 'waits'> {
    try {
      // What was sent is removed before all else: that needs no turn, and others send it once ours has run out.
      await this.#store.settle();
      // Who was told of a message need not look for it first.
      const isAwaited = this.#isAwaited;
      this.#isAwaited = false;
      if (!isAwaited && !(await this.#store.hasDue())) return 'done';
      if (!(await this.#turn.take())) return 'waits';
    } catch (error) {
      // Those who listen are to learn of it as well.
      await traced(channels.relay, eventOf(this.#pass), () => Promise.reject(error)).catch(() => {});
      return this.#failed(error);
    }
    let pass: Pass | undefined;
    try {
      let end: PassEnd = 'more';
      let careful = isCareful;
      while (end === 'more') {
        // What is committed from here on may not be found.
        this.#isAwaited = false;
        pass = new Pass(this.#pass, careful);
        end = await pass.run();
        this.#trouble = pass.trouble;
        careful = false;
        this.#dueAt.push(...pass.dueAt);
        if (end === 'done' && this.#isAwaited && !this.#stop.signal.aborted) end = 'more';
      }
      return end;
    } catch (error) {
      return this.#failed(error);
    } finally {
      // What may be on its way, or was sent and is there still, is for nobody else before the turn has run out.
      if (pass?.isOpen || this.#store.isUnsettled) this.#turn.abandon();
      else await this.#turn.giveBack().catch(() => {});
    }
  }

  /** The database is away, or the relay has a fault of its own, which must not end it. */
  #failed(error: unknown): 'trouble' {
    this.#isAwaited = true;
    this.#trouble = error instanceof Error ? error : new Error(String(error));
    return 'trouble';
  }

  /** What nobody is in a hurry for: where it fails, it is done the next time. */
  async #tidy(): Promise<void> {
    if (this.#clock.now() < this.#cleanAt) return;
    this.#cleanAt = this.#clock.now() + CLEAN_EVERY_MS;
    await this.#marks.clean(this.#stop.signal).catch(() => {});
  }

  /** Until somebody tells of a message, or it is time to look. */
  async #idle(): Promise<void> {
    await this.#tidy();
    const now = this.#clock.now();
    this.#dueAt = this.#dueAt.filter((at) => at > now);
    const wait = Math.min(this.#pollMs, ...this.#dueAt.map((at) => at - now));
    if (this.#isAwaited || this.#stop.signal.aborted) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await pause(this.#clock, wait, woken.signal);
    this.#wake = () => {};
  }
}
