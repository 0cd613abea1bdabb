import { Readable } from 'node:stream';

/** What pg's connection has for COPY, and its types leave out. */
interface Wire {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
  readonly stream: {
    readonly writableNeedDrain: boolean;
    pause(): unknown;
    resume(): unknown;
    once(event: 'drain', listener: () => void): unknown;
  };
}

/** The rows of a COPY go out in pieces of this size, in bytes, and the server waits while so much is not read. */
const PIECE = 64 * 1024;
const MOST_UNREAD = 4 * PIECE;

/** A statement that is no COPY of the right direction, told from what the server answers. */
export class NoCopyError extends Error {}

/** What the source of a COPY has thrown; the server has been told, and stores nothing. */
export class SourceError extends Error {
  constructor(cause: unknown) {
    super('The source of a COPY failed.', { cause });
  }
}

/**
 * One COPY, as a query of pg's: pg reads the protocol and calls these methods.
 *
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export abstract class Copying {
  readonly text: string;
  /** How many rows it were; when the server is ready for the next statement. */
  readonly done: Promise<number>;
  /** Pg's `query_timeout` sets it, to be told of the end. */
  callback = (): void => {};
  protected wire: Wire | undefined;
  protected isOver = false;
  #rows = 0;
  protected isWrong = false;
  #wake: (() => void) | undefined;
  readonly #resolve: (rows: number) => void;
  readonly #reject: (error: unknown) => void;

  constructor(text: string) {
    this.text = text;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // Who waits for it is told; until then it may have ended already.
    promise.catch(() => {});
  }

  /** Ends it early. What the server does then decides how. */
  abstract stop(): void;

  submit(wire: Wire): void {
    this.wire = wire;
    wire.query(this.text);
  }

  handleCopyInResponse(wire: Wire): void {
    this.isWrong = true;
    wire.sendCopyFail('nothing to copy');
  }

  handleCopyData(_message: { readonly chunk: Buffer }): void {
    this.isWrong = true;
  }

  handleRowDescription(): void {
    this.isWrong = true;
  }

  handleDataRow(): void {}

  handleEmptyQuery(): void {}

  handleCommandComplete({ text }: { readonly text: string }): void {
    const rows = /^COPY (\d+)$/.exec(text)?.[1];
    if (rows === undefined) this.isWrong = true;
    else this.#rows += Number(rows);
  }

  handleReadyForQuery(): void {
    this.#end();
    if (this.isWrong) this.#reject(new NoCopyError());
    else this.#resolve(this.#rows);
  }

  handleError(error: unknown): void {
    this.#end();
    this.#reject(this.isWrong ? new NoCopyError() : error);
  }

  #end(): void {
    this.isOver = true;
    this.callback();
    this.wake();
  }

  /** Something has happened that {@link until} may wait for. */
  protected wake(): void {
    this.#wake?.();
  }

  /** Waits until `is` holds or it is over. */
  protected async until(is: () => boolean): Promise<void> {
    while (!is() && !this.isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** COPY ... FROM STDIN. */
export class CopyingIn extends Copying {
  #isReady = false;
  #isStopped = false;

  override handleCopyInResponse(): void {
    this.#isReady = true;
    if (this.#isStopped) this.wire?.sendCopyFail('given up');
    this.wake();
  }

  override handleCommandComplete(message: { readonly text: string }): void {
    super.handleCommandComplete(message);
    this.isWrong ||= !this.#isReady;
  }

  /** It waits for rows and hears of nothing else, a request to cancel included. */
  override stop(): void {
    if (this.#isReady && !this.#isStopped && !this.isOver) this.wire?.sendCopyFail('given up');
    this.#isStopped = true;
    this.wake();
  }

  /** Sends what the source has, as fast as the server takes it. @throws SourceError */
  async feed(source: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>): Promise<number> {
    const isEnough = (): boolean => this.isOver || this.#isStopped;
    await this.until(() => this.#isReady || this.#isStopped);
    const wire = this.wire as Wire;
    const { stream } = wire;
    const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    let isAtEnd = false;
    try {
      while (!isEnough()) {
        const next = await this.#next(iterator);
        if (next === undefined || isEnough()) break;
        isAtEnd = next.done === true;
        if (isAtEnd) break;
        wire.sendCopyFromChunk(bytesOf(next.value));
        if (stream.writableNeedDrain) stream.once('drain', () => this.wake());
        await this.until(() => !stream.writableNeedDrain || this.#isStopped);
      }
    } catch (cause) {
      isAtEnd = true;
      this.stop();
      await this.done.catch(() => {});
      throw new SourceError(cause);
    } finally {
      // The iterator of a stream that has nothing to say would wait with its end until it has.
      if (source instanceof Readable) source.destroy();
      else if (!isAtEnd) void (async () => iterator.return?.())().catch(() => {});
    }
    if (!isEnough()) wire.endCopyFrom();
    return this.done;
  }

  /** The next piece of the source; undefined when it is over before that comes. */
  async #next(
    iterator: AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string>,
  ): Promise<IteratorResult<Uint8Array | string> | undefined> {
    let answer: { readonly next: IteratorResult<Uint8Array | string> } | { readonly error: unknown } | undefined;
    const heard = (outcome: typeof answer): void => {
      answer = outcome;
      this.wake();
    };
    (async () => iterator.next())().then(
      (next) => heard({ next }),
      (error: unknown) => heard({ error }),
    );
    await this.until(() => answer !== undefined || this.#isStopped);
    if (answer !== undefined && 'error' in answer) throw answer.error;
    return answer?.next;
  }
}

function bytesOf(piece: unknown): Buffer {
  if (typeof piece === 'string') return Buffer.from(piece);
  if (piece instanceof Uint8Array) return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
  throw new TypeError('The source of a COPY gives text or bytes.');
}

/** COPY ... TO STDOUT. */
export class CopyingOut extends Copying {
  readonly #pieces: Buffer[] = [];
  #piece = Buffer.alloc(0);
  #filled = 0;
  #unread = 0;
  #isPaused = false;
  #isStopped = false;

  /** A row; its bytes are pg's, which uses their place again. */
  override handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    if (this.#isStopped) return;
    if (this.#filled + chunk.length > this.#piece.length) {
      this.#cut();
      this.#piece = Buffer.allocUnsafe(Math.max(PIECE, chunk.length));
    }
    this.#filled += chunk.copy(this.#piece, this.#filled);
    this.#unread += chunk.length;
    if (this.#unread >= MOST_UNREAD && !this.#isPaused) {
      this.#isPaused = true;
      this.wire?.stream.pause();
    }
    this.wake();
  }

  /** What still comes is for nobody; the server stops when it hears that. */
  override stop(): void {
    this.#isStopped = true;
    this.#resume();
    this.wake();
  }

  /** The rows in pieces, each of which may end in the middle of one. */
  async *pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      await this.until(() => this.#unread > 0 || this.#isStopped);
      if (this.#unread === 0 || this.#isStopped) return;
      if (this.#pieces.length === 0) this.#cut();
      const piece = this.#pieces.shift() as Buffer;
      this.#unread -= piece.length;
      if (this.#unread < MOST_UNREAD / 2) this.#resume();
      yield piece;
    }
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.wire?.stream.resume();
  }

  /** What was filled of the current piece goes to the others. */
  #cut(): void {
    if (this.#filled > 0) this.#pieces.push(this.#piece.subarray(0, this.#filled));
    this.#piece = this.#piece.subarray(this.#filled);
    this.#filled = 0;
  }
}
