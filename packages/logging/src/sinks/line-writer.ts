import { startTimer } from '@ent/internal';
import type { DropReason, SinkStats } from '../driver.ts';
import { countRecords, isInside, lastEnd, nextEnd } from './records.ts';

/** Something with a file descriptor. Its methods throw what `node:fs` throws. */
export interface Target {
  /** Bytes of one write, where a record is not longer. */
  readonly slice: number;
  /** Bytes that still fit before {@link roll}; `Infinity` where nothing rotates. */
  room(): number;
  /** Whether nothing was written yet, so that rolling would gain nothing. */
  readonly isEmpty: boolean;
  /** Starts afresh: the next file. */
  roll(): void;
  write(bytes: Buffer, offset: number, length: number): number;
  /** After an error other than "would block": whether trying again later makes sense. */
  recover(code: string): boolean;
  close(): void;
}

export interface LineWriterOptions {
  readonly name: string;
  readonly maxBuffer: number;
  /** A line that says that lines were lost. */
  readonly notice: (count: number, reason: DropReason) => string;
  readonly onDropped: (count: number, reason: DropReason) => void;
  /** Takes the notice of lines that were lost for good, when the target takes nothing any more. */
  readonly lastResort: (notice: string) => void;
}

const BLOCK = 65_536;
const RETRY_MS = 1000;
const MAX_WAIT_MS = 20;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Takes lines to a file descriptor: bounded, in order, whole, without ever waiting for the reader.
 *
 * Lines of one turn of the event loop are written together at its end, with one synchronous write: after
 * it they are safe from anything that happens to the process. A full pipe says EAGAIN; the lines then
 * wait in the buffer and the write is tried again. When the buffer is full, further lines are counted
 * instead, and a notice with the number follows.
 */
export class LineWriter {
  readonly #target: Target;
  readonly #options: LineWriterOptions;
  readonly #block: number;
  /** Lines as text, not encoded yet. */
  #text = '';
  /** Encoded lines that wait, and how far the first block is written. */
  readonly #blocks: Buffer[] = [];
  #offset = 0;
  #bytes = 0;
  #scratch: Buffer | undefined;
  #accepted = 0;
  #lost = 0;
  readonly #dropped: Record<DropReason, number> = { buffer_full: 0, sink_failed: 0, timeout: 0, closed: 0 };
  /** Lost lines that no notice told of yet. */
  #untold = 0;
  #untoldReason: DropReason = 'buffer_full';
  /** Lost lines that the notice tells of which waits as the first record of the first block; 0 without one. */
  #noticed = 0;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wait = 1;
  #retryAt = 0;
  #pumping = false;
  #state: 'open' | 'finishing' | 'failed' | 'closed' = 'open';
  #deadline = 0;
  readonly #waiters = new Set<() => void>();

  constructor(target: Target, options: LineWriterOptions) {
    this.#target = target;
    this.#options = options;
    this.#block = Math.min(BLOCK, options.maxBuffer >>> 1);
  }

  write(line: string): void {
    if (this.#state === 'failed' || this.#state === 'closed') {
      this.#drop(1, this.#state === 'failed' ? 'sink_failed' : 'closed');
      return;
    }
    if (!this.#fits(line)) {
      // The reader may have moved since the last try; but a try that fails costs more than many lines.
      if (performance.now() >= this.#retryAt) this.#pump();
      if (!this.#fits(line)) {
        this.#drop(1, 'buffer_full');
        return;
      }
    }
    this.#text += line;
    this.#accepted++;
    // Whoever listens to what a write tells may log; the write in hand takes the line along.
    if (this.#pumping) return;
    if (this.#state === 'finishing') this.#writeUntil(this.#deadline);
    else if (this.#text.length >= this.#block) this.#pump();
    else if (this.#immediate === undefined && this.#timer === undefined) {
      this.#immediate = setImmediate(() => {
        this.#immediate = undefined;
        this.#pump();
      });
    }
  }

  flush(timeoutMs: number): Promise<boolean> {
    if (this.#pump() === 'done' || this.#isIdle) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (): void => {
        timer.cancel();
        this.#waiters.delete(settle);
        resolve(this.#isIdle);
      };
      const timer = startTimer(timeoutMs, settle);
      this.#waiters.add(settle);
    });
  }

  finish(timeoutMs: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'finishing';
    this.#deadline = performance.now() + timeoutMs;
    this.#writeUntil(this.#deadline);
  }

  async close(timeoutMs: number): Promise<void> {
    if (this.#state === 'open' && !(await this.flush(timeoutMs))) this.#giveUp('timeout');
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#clearTimers();
    this.#target.close();
  }

  stats(): SinkStats {
    const pending = this.#isIdle ? 0 : this.#countPending();
    return {
      name: this.#options.name,
      written: this.#accepted - this.#lost - pending,
      pending,
      dropped: { ...this.#dropped },
    };
  }

  #fits(line: string): boolean {
    return this.#bytes + this.#text.length + line.length <= this.#options.maxBuffer;
  }

  get #isIdle(): boolean {
    return this.#text === '' && this.#blocks.length === 0;
  }

  /** Writes until nothing is left or the target takes no more. */
  #pump(): 'done' | 'blocked' | 'failed' {
    if (this.#pumping) return 'blocked';
    this.#pumping = true;
    try {
      for (;;) {
        // In each turn: rolling tells a channel, and whoever listens may log.
        this.#seal();
        if (this.#blocks.length > 0) this.#writeSlice(this.#blocks[0] as Buffer);
        else if (this.#untold > 0) this.#appendNotice();
        else break;
      }
      this.#wait = 1;
      for (const settle of this.#waiters) settle();
      return 'done';
    } catch (error) {
      return this.#onFault((error as NodeJS.ErrnoException).code ?? '');
    } finally {
      this.#pumping = false;
    }
  }

  #writeSlice(block: Buffer): void {
    const end = this.#sliceEnd(block);
    const written = this.#target.write(block, this.#offset, end - this.#offset);
    this.#offset += written;
    this.#bytes -= written;
    if (this.#noticed > 0 && this.#offset >= nextEnd(block, 0)) this.#noticed = 0;
    if (this.#offset < block.length) return;
    this.#blocks.shift();
    this.#offset = 0;
  }

  /** Whole records only, as long as they fit: other writers of the pipe and the next file get no half of one. */
  #sliceEnd(block: Buffer): number {
    const from = this.#offset;
    if (isInside(block, from)) return nextEnd(block, from);
    const room = this.#target.room();
    const end = lastEnd(block, from, from + Math.min(room, this.#target.slice));
    if (end !== -1) return end;
    const whole = nextEnd(block, from);
    if (whole - from <= room || this.#target.isEmpty) return whole;
    this.#target.roll();
    return this.#sliceEnd(block);
  }

  /**
   * Encodes the lines so far. The scratch buffer is used while nothing waits:
   * its block is then written before the next one.
   */
  #seal(): void {
    const text = this.#text;
    if (text === '') return;
    this.#text = '';
    let block: Buffer;
    if (this.#blocks.length === 0 && text.length <= BLOCK + 4096) {
      this.#scratch ??= Buffer.allocUnsafeSlow(3 * (BLOCK + 4096));
      block = this.#scratch.subarray(0, this.#scratch.write(text));
    } else block = Buffer.from(text);
    this.#blocks.push(block);
    this.#bytes += block.length;
  }

  #onFault(code: string): 'blocked' | 'failed' {
    this.#retryAt = performance.now() + 1;
    const blocked = code === 'EAGAIN' || code === 'EWOULDBLOCK';
    if (!blocked && !this.#target.recover(code)) {
      this.#giveUp('sink_failed');
      this.#state = 'failed';
      return 'failed';
    }
    if (this.#state === 'open' && this.#timer === undefined) this.#retryIn(blocked ? this.#wait : RETRY_MS, blocked);
    this.#wait = Math.min(this.#wait * 2, MAX_WAIT_MS);
    return blocked ? 'blocked' : 'failed';
  }

  /**
   * Like pending writes of Node's own stdout, lines that wait for a reader
   * keep the process alive; a full disk does not.
   */
  #retryIn(ms: number, keepAlive: boolean): void {
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, ms);
    if (!keepAlive) this.#timer.unref();
  }

  #writeUntil(deadline: number): void {
    this.#clearTimers();
    for (let wait = 1; this.#pump() === 'blocked'; wait = Math.min(wait * 2, MAX_WAIT_MS)) {
      const left = deadline - performance.now();
      if (left <= 0) break;
      Atomics.wait(sleeper, 0, 0, Math.min(wait, left));
    }
    if (!this.#isIdle) this.#giveUp('timeout');
  }

  /** Counts what waits as lost. */
  #giveUp(reason: DropReason): void {
    const pending = this.#countPending();
    const count = pending - (this.#noticed > 0 ? 1 : 0);
    this.#untold += this.#noticed;
    this.#noticed = 0;
    this.#text = '';
    this.#blocks.length = 0;
    this.#offset = 0;
    this.#bytes = 0;
    this.#lost += pending;
    this.#drop(count, reason);
    this.#tellElsewhere();
    for (const settle of this.#waiters) settle();
  }

  #countPending(): number {
    let count = this.#text === '' ? 0 : countRecords(Buffer.from(this.#text), 0);
    this.#blocks.forEach((block, i) => (count += countRecords(block, i === 0 ? this.#offset : 0)));
    return count;
  }

  #drop(count: number, reason: DropReason): void {
    if (count === 0) return;
    this.#dropped[reason] += count;
    this.#untold += count;
    this.#untoldReason = reason;
    this.#options.onDropped(count, reason);
  }

  #appendNotice(): void {
    this.#text += this.#options.notice(this.#untold, this.#untoldReason);
    this.#accepted++;
    this.#noticed = this.#untold;
    this.#untold = 0;
  }

  /** The target itself will not take the notice any more. */
  #tellElsewhere(): void {
    if (this.#untold === 0) return;
    this.#options.lastResort(this.#options.notice(this.#untold, this.#untoldReason));
    this.#untold = 0;
  }

  #clearTimers(): void {
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
  }
}
