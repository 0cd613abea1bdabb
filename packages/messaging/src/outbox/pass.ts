import type { EntError } from '@ent/errors';
import { type Backoff, traced } from '@ent/internal';
import { channels, type RelayOperation } from '../channels.ts';
import type { WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import type { Forwarded, Forwarding } from '../internal/forward.ts';
import type { Clock } from '../options.ts';
import type { Routes } from './routes.ts';
import type { Store } from './store.ts';
import type { StoredMessage } from './tables.ts';
import type { Turn } from './turn.ts';

/** What a pass works with. */
export interface PassSetup {
  readonly store: Store;
  readonly turn: Turn;
  readonly routes: Routes;
  readonly forwarding: Forwarding;
  readonly clock: Clock;
  readonly batch: number;
  readonly maxAttempts: number;
  /** The wait before a message is tried again. */
  readonly backoff: Backoff;
  /** Aborts when no more may be sent. */
  readonly stop: AbortSignal;
  /** Aborts when nothing is waited for any more. */
  readonly cut: AbortSignal;
}

/**
 * How a pass ended. `done`: nothing more is due. `more`: there may be. `ended`: the turn is over, or the relay is.
 * `trouble`: no message got through, and not for what it is.
 */
export type PassEnd = 'done' | 'more' | 'ended' | 'trouble';

/** How many are tried one by one after no message of a batch got through: one of them may be what breaks it. */
const CAREFUL = 10;

interface Refused {
  readonly row: StoredMessage;
  readonly error: EntError;
  /** Its topic may get its group again: it is tried after so long, and no attempt is counted. */
  readonly againMs?: number | undefined;
}

/** Sends one batch of what is due. `careful`: one by one. */
export class Pass {
  readonly #setup: PassSetup;
  readonly #isCareful: boolean;
  readonly #event: RelayOperation;
  readonly #refused: Refused[] = [];
  #through = 0;
  #end: PassEnd = 'done';
  /** When those are due that are tried again later. */
  readonly dueAt: number[] = [];
  /** Something was sent, and not answered. */
  isOpen = false;
  /** Why nothing got through. */
  trouble: EntError | undefined;

  constructor(setup: PassSetup, isCareful: boolean) {
    this.#setup = setup;
    this.#isCareful = isCareful;
    this.#event = eventOf(setup);
  }

  /** @throws what the database does */
  run(): Promise<PassEnd> {
    if (!channels.relay.hasSubscribers) return this.#run();
    return traced(channels.relay, this.#event, () => this.#run(true));
  }

  async #run(isWatched = false): Promise<PassEnd> {
    const { store, batch } = this.#setup;
    const limit = this.#isCareful ? CAREFUL : batch;
    const { waves, isAll } = await store.next(limit);
    if (isWatched) await this.#measure(waves.flat(), isAll);
    this.#end = isAll ? 'done' : 'more';
    await this.#send(waves);
    await store.settle();
    await this.#settleRefused();
    return this.#end;
  }

  async #measure(rows: readonly StoredMessage[], isAll: boolean): Promise<void> {
    const { store, clock } = this.#setup;
    this.#event.due = isAll ? rows.length : await store.countDue();
    if (rows.length > 0) this.#event.lagMs = clock.now() - Math.min(...rows.map(({ time }) => time.getTime()));
  }

  async #send(waves: StoredMessage[][]): Promise<void> {
    const { turn, stop } = this.#setup;
    /** Keys of which one was refused: what comes after it waits. */
    const held = new Set<string>();
    for (const wave of waves) {
      const free = wave.filter(({ orderKey }) => orderKey === null || !held.has(orderKey));
      for (const part of this.#isCareful ? free.map((row) => [row]) : [free]) {
        if (part.length === 0) continue;
        if (stop.aborted || !turn.isHeld) {
          this.#end = 'ended';
          return;
        }
        const refused = await this.#sendPart(part);
        for (const { row } of refused) if (row.orderKey !== null) held.add(row.orderKey);
        if (refused.length === part.length && !(await this.#mayGoOn(refused))) return;
      }
    }
  }

  async #sendPart(rows: readonly StoredMessage[]): Promise<Refused[]> {
    const { store, forwarding, routes, clock, cut } = this.#setup;
    for (const { messageId: id, topic, headers } of rows) this.#event.messages.push({ id, topic, headers });
    this.isOpen = true;
    const results = await forwarding.forward(rows.map(wireOf), cut).finally(() => {
      this.isOpen = cut.aborted;
    });
    const sent: StoredMessage[] = [];
    const refused: Refused[] = [];
    for (const [at, row] of rows.entries()) {
      const result = results[at] as Forwarded;
      const isUnroutable = result.status === 'unroutable';
      if (result.status === 'stored') routes.stored(row.topic);
      const againMs = isUnroutable && !row.mandatory ? routes.again(row.topic, clock.now()) : undefined;
      if ('error' in result) refused.push({ row, error: result.error });
      else if (isUnroutable && (row.mandatory || againMs !== undefined)) {
        refused.push({ row, error: unroutable(row), againMs });
      } else {
        sent.push(row);
        this.#event[result.status]++;
      }
    }
    this.#through += sent.length;
    store.sent(sent);
    this.#refused.push(...refused);
    return refused;
  }

  /** Nothing of a part got through. Then the broker is in trouble, unless others do, or the message says why. */
  async #mayGoOn(refused: readonly Refused[]): Promise<boolean> {
    if (this.#through > 0 || refused.every(({ error }) => isOwnFault(error))) return true;
    if (!this.#isCareful || this.#setup.cut.aborted) return false;
    // One that gets no answer may be to blame; but not where nothing does.
    return this.#setup.forwarding.ping().then(
      () => true,
      () => false,
    );
  }

  /**
   * A refusal counts against a message where it is the message's own fault, or where others got through. Else it tells
   * of the broker: nothing is counted, and all of them wait for it.
   */
  async #settleRefused(): Promise<void> {
    const { store, clock, backoff, maxAttempts, cut } = this.#setup;
    if (this.#refused.length === 0 || cut.aborted) return;
    for (const { row, error, againMs } of this.#refused) {
      if (this.#through === 0 && !isOwnFault(error)) {
        this.#end = 'trouble';
        this.trouble ??= error;
        continue;
      }
      const attempts = row.attempts + (againMs === undefined ? 1 : 0);
      const told = `${error.code}: ${error.message}`;
      if ((againMs === undefined && attempts >= maxAttempts) || error.code === messagingErrors.too_large.code) {
        await store.park(row, attempts, told);
        this.#event.parked.push({ id: row.messageId, topic: row.topic, code: error.code });
      } else {
        const dueAt = clock.now() + (againMs ?? backoff(attempts));
        this.dueAt.push(dueAt);
        await store.postpone(row, attempts, told, new Date(dueAt));
        this.#event.postponed++;
      }
    }
    if (this.trouble) this.#event.trouble = this.trouble.code;
  }
}

/** What a relay tells, before it has done anything. */
export function eventOf({ forwarding }: PassSetup): RelayOperation {
  return { driver: forwarding.driver.name, messages: [], stored: 0, unroutable: 0, postponed: 0, parked: [] };
}

function isOwnFault({ code }: EntError): boolean {
  return code === messagingErrors.too_large.code || code === messagingErrors.unroutable.code;
}

function unroutable({ mandatory, topic }: StoredMessage): EntError {
  const why = mandatory ? 'the message is mandatory' : 'there was one until now';
  return messagingErrors.unroutable(`No group of "${topic}" exists, and ${why}.`);
}

function wireOf(row: StoredMessage): WireMessage {
  return {
    id: row.messageId,
    topic: row.topic,
    type: row.type,
    source: row.source,
    subject: row.subject ?? undefined,
    time: row.time.getTime(),
    contentType: row.contentType,
    headers: row.headers,
    body: row.body,
  };
}
