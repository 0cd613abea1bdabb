import { pause, type Script, startTimer, withDeadline } from '@ent/internal';
import type { RedisClientType } from 'redis';
import type { Delivery, Settlement, SettleResult, Source, SourceSpec } from '../../driver.ts';
import { type Entry, messageOf } from './entry.ts';
import { ANSWER_MS, destroyed, type Link, Unanswered } from './link.ts';
import { leaveGroup, renewMine, settleMine, takeBack } from './scripts.ts';
import type { RedisStreamsClient } from './client.ts';

/** How long a read waits at the most: what another process gave back is noticed between two of them. */
const LONGEST_WAIT_MS = 1000;
/** How long closing waits for what goes back. It was sent by then; else the leases end. */
const LEAVE_MS = 1000;
/** How much of a batch goes into one script: Lua takes some thousand arguments. */
const MOST_AT_ONCE = 1000;

/** What a source needs of its driver. */
export interface SourceSetup {
  readonly link: Link<RedisStreamsClient>;
  readonly spec: SourceSpec;
  readonly keys: { readonly stream: string; readonly later: string };
  readonly leaseMs: number;
  /** Unique: what was delivered to another source is not settled by this one. */
  readonly consumer: string;
  /** The connection that waits, and its number there. */
  readonly reader: RedisClientType;
  readonly readerId: number;
  /** Sources of the same group in this process, this one among them. */
  readonly siblings: Set<StreamSource>;
  /** Told of how many are done. */
  onDone(count: number): void;
}

/** One delivery of an entry. */
interface Token {
  readonly id: string;
}

/** One consumer of a group. */
export class StreamSource implements Source {
  readonly leaseMs: number;
  readonly #setup: SourceSetup;
  /** The delivery of each entry that counts; an entry that comes again has another. */
  readonly #held = new Map<string, Token>();
  #end: Error | undefined;
  #left: Promise<unknown> | undefined;
  /** When something may be due, and when to look for leases that have ended. By `performance.now()`. */
  #dueAt = 0;
  #lookAt = 0;
  #reading = false;
  #cancelWake = (): void => {};

  constructor(setup: SourceSetup) {
    this.leaseMs = setup.leaseMs;
    this.#setup = setup;
    setup.siblings.add(this);
    setup.reader.on('error', (error: Error) => this.#die(error));
  }

  async receive(max: number, signal: AbortSignal): Promise<Delivery[]> {
    this.#demandAlive();
    if (signal.aborted) return [];
    try {
      const due = await this.#takeBack(max);
      return due.length > 0 || signal.aborted ? due : await this.#read(max, signal);
    } catch (error) {
      this.#die(error as Error);
      throw this.#end ?? error;
    }
  }

  async settle(batch: readonly Settlement[]): Promise<SettleResult[]> {
    const mine = batch.filter(({ token }) => this.#drop(token as Token));
    if (mine.length === 0) return batch.map(() => 'stale');
    const stale = new Set<string>();
    for (let at = 0; at < mine.length; at += MOST_AT_ONCE) {
      for (const id of await this.#settle(mine.slice(at, at + MOST_AT_ONCE))) stale.add(id);
    }
    const settled = new Set(mine);
    return batch.map((one) => (settled.has(one) && !stale.has((one.token as Token).id) ? 'ok' : 'stale'));
  }

  async renew(tokens: readonly unknown[]): Promise<SettleResult[]> {
    const ids = (tokens as readonly Token[]).filter((token) => this.#has(token)).map(({ id }) => id);
    const stale = new Set<string>();
    for (let at = 0; at < ids.length; at += MOST_AT_ONCE) {
      const some = ids.slice(at, at + MOST_AT_ONCE);
      for (const id of await this.#script<Buffer[]>(renewMine, [...this.#range(some), ...some])) {
        stale.add(id.toString());
        this.#held.delete(id.toString());
      }
    }
    return (tokens as readonly Token[]).map((token) => (this.#has(token) && !stale.has(token.id) ? 'ok' : 'stale'));
  }

  async close(): Promise<void> {
    this.#finish(new Error('The source is closed.'));
    await (this.#left ??= this.#leave(0));
  }

  /** A message may be due so much later. Answers whether this source waits for it: one of a group is enough. */
  expect(ms: number): boolean {
    const dueAt = performance.now() + ms;
    if (dueAt >= this.#dueAt) return this.#reading;
    this.#dueAt = dueAt;
    if (!this.#reading) return false;
    this.#wakeIn(ms);
    return true;
  }

  /** What is due, and now and then what others have left. */
  async #takeBack(max: number): Promise<Delivery[]> {
    const now = performance.now();
    const looks = now >= this.#lookAt;
    if (!looks && now < this.#dueAt) return [];
    if (looks) this.#lookAt = now + Math.min(LONGEST_WAIT_MS, this.leaseMs / 4);
    this.#dueAt = Infinity;
    const args = [max, looks ? this.leaseMs : ''];
    const [next, ...taken] = await this.#script<[number, ...TakenBack[]]>(takeBack, args);
    if (next >= 0) this.expect(next);
    return taken.map(([id, deliveries, fields]) => this.#deliver([id, fields], deliveries));
  }

  /**
   * Raw, and only what is new: node-redis cannot read entries of the pending list that were deleted (node-redis#2865).
   * A signal of node-redis does nothing for a command that was sent, whose messages would be lost.
   */
  async #read(max: number, signal: AbortSignal): Promise<Delivery[]> {
    const { reader, spec, consumer, keys } = this.#setup;
    const until = Math.min(this.#dueAt, this.#lookAt, performance.now() + LONGEST_WAIT_MS);
    const waitMs = Math.max(1, Math.ceil(until - performance.now()));
    const args = ['XREADGROUP', 'GROUP', spec.group, consumer, 'COUNT', String(max), 'BLOCK', String(waitMs)];
    const wake = (): void => void this.#wake();
    // A server that stands still keeps its connections: only the time tells.
    const hangs = startTimer(waitMs + ANSWER_MS, () => this.#die(new Unanswered('The server does not answer.')));
    this.#reading = true;
    signal.addEventListener('abort', wake, { once: true });
    try {
      const reply = await reader.sendCommand<[[Buffer, Entry[]]] | null>([...args, 'STREAMS', keys.stream, '>']);
      return reply === null ? [] : reply[0][1].map((entry) => this.#deliver(entry, 1));
    } finally {
      this.#reading = false;
      this.#cancelWake();
      signal.removeEventListener('abort', wake);
      hangs.cancel();
    }
  }

  #wakeIn(ms: number): void {
    this.#cancelWake();
    const timer = startTimer(ms, () => void this.#wake());
    this.#cancelWake = () => timer.cancel();
  }

  /** Ends the read that waits. It may not be there yet: then again. */
  async #wake(): Promise<void> {
    const { link, keys, readerId } = this.#setup;
    const unblock = ['CLIENT', 'UNBLOCK', String(readerId)];
    while (this.#reading && this.#end === undefined) {
      // Where it cannot be told, the read ends by itself.
      await link.onServer(keys.stream, (client) => client.sendCommand(unblock)).catch(() => {});
      if (this.#reading) await pause(20);
    }
  }

  #deliver(entry: Entry, attempt: number): Delivery {
    const token: Token = { id: entry[0].toString() };
    this.#held.set(token.id, token);
    return { token, message: messageOf(this.#setup.spec.topic, entry), attempt };
  }

  async #settle(batch: readonly Settlement[]): Promise<string[]> {
    const done: string[] = [];
    const later: (string | number)[] = [];
    let soonest = Infinity;
    for (const one of batch) {
      const { id } = one.token as Token;
      if (one.action === 'ack') {
        done.push(id);
        continue;
      }
      const delayMs = 'delayMs' in one ? Math.ceil(one.delayMs) : 0;
      later.push(id, delayMs, one.action === 'retry' ? 1 : 0);
      soonest = Math.min(soonest, delayMs);
    }
    const ids = batch.map(({ token }) => (token as Token).id);
    const stale = await this.#script<Buffer[]>(settleMine, [...this.#range(ids), done.length, ...done, ...later]);
    this.#setup.onDone(done.length);
    if (soonest < Infinity) this.#tellSiblings(soonest);
    return stale.map(String);
  }

  #tellSiblings(ms: number): void {
    for (const sibling of this.#setup.siblings) if (sibling.expect(ms)) return;
  }

  /** The first and the last of the ids. */
  #range(ids: readonly string[]): [string, string] {
    let [first, last] = [ids[0]!, ids[0]!];
    for (const id of ids) {
      if (isBefore(id, first)) first = id;
      if (isBefore(last, id)) last = id;
    }
    return [first, last];
  }

  #script<T>(script: Script, args: (string | number)[]): Promise<T> {
    const { link, keys, spec, consumer } = this.#setup;
    return link.script<T>(script, [keys.stream, keys.later], [spec.group, consumer, ...args]);
  }

  #has(token: Token): boolean {
    return this.#end === undefined && this.#held.get(token.id) === token;
  }

  #drop(token: Token): boolean {
    return this.#has(token) && this.#held.delete(token.id);
  }

  /** The connection, or the group, is lost. Whoever lost it may have died of a message: that counts as an attempt. */
  #die(error: Error): void {
    if (this.#end !== undefined) return;
    this.#finish(error);
    this.#left = this.#leave(1);
  }

  #finish(error: Error): void {
    this.#end ??= error;
    this.#setup.siblings.delete(this);
    destroyed(this.#setup.reader);
    this.#cancelWake();
    this.#held.clear();
  }

  /** What cannot be given back now comes back when its lease has ended. */
  #leave(counts: 0 | 1): Promise<unknown> {
    const { link, keys, spec, consumer } = this.#setup;
    const leaving = link.scriptAgain(leaveGroup, [keys.stream, keys.later], [spec.group, consumer, counts]);
    const left = leaving.then(() => this.#tellSiblings(0));
    const late = (): Error => new Unanswered('The server does not answer.');
    return withDeadline(() => left, LEAVE_MS, late).catch(() => {});
  }

  #demandAlive(): void {
    if (this.#end !== undefined) throw this.#end;
  }
}

type TakenBack = readonly [id: Buffer, deliveries: number, fields: Buffer[]];

/** Of two ids of entries: milliseconds, and a number among those of one millisecond. */
function isBefore(a: string, b: string): boolean {
  if (a.length === b.length && a.indexOf('-') === b.indexOf('-')) return a < b;
  const [ms = 0, n = 0] = a.split('-').map(Number);
  const [otherMs = 0, otherN = 0] = b.split('-').map(Number);
  return ms < otherMs || (ms === otherMs && n < otherN);
}
