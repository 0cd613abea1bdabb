import { outsideContext } from '@ent/internal';
import { Readable } from 'node:stream';
import type { ServerSentEvent } from '../server-sent-event.ts';
import type { EventText } from './event-text.ts';

type Events = AsyncIterator<ServerSentEvent<unknown>>;

/**
 * Events on their way: the next one is asked for when there is room. A stream and no generator, since a generator that
 * waits for an event can be told of its end only after it.
 */
export class EventStream extends Readable {
  readonly #events: Events;
  readonly #textOf: EventText;
  readonly #heart: NodeJS.Timeout;
  /** There is room. */
  #wanted = false;
  /** An event is waited for. */
  #asked = false;
  #over = false;

  constructor(
    events: AsyncIterable<ServerSentEvent<unknown>>,
    { textOf, first, heartbeatMs }: { textOf: EventText; first: string; heartbeatMs: number },
  ) {
    // One event is ready, and no more.
    super({ highWaterMark: 1, objectMode: false });
    this.#events = events[Symbol.asyncIterator]();
    this.#textOf = textOf;
    this.#heart = outsideContext(() => setInterval(() => this.#beat(), heartbeatMs).unref());
    this.push(first);
  }

  override _read(): void {
    this.#wanted = true;
    if (!this.#asked && !this.#over) void this.#next();
  }

  async #next(): Promise<void> {
    this.#asked = true;
    try {
      const next = await this.#events.next();
      if (next.done === true) {
        this.#over = true;
        return this.#give(null);
      }
      const text = await this.#textOf(next.value);
      this.#asked = false;
      this.#give(text);
    } catch (error) {
      // After the end nobody is there to hear of it: it is what a signal that aborted makes a source throw.
      if (!this.#over) this.destroy(error as Error);
    }
  }

  #give(text: string | null): void {
    if (this.destroyed || this.readableEnded || (this.#over && text !== null)) return;
    this.#wanted = false;
    this.#heart.refresh();
    this.push(text);
  }

  #beat(): void {
    // A client that does not read gets none: they would pile up.
    if (this.#wanted && !this.#over) this.#give(':\n\n');
  }

  /** Ends it, although there may be more events. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#close();
    this.push(null);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearInterval(this.#heart);
    if (!this.#over) this.#close();
    this.#over = true;
    done(error);
  }

  /** Tells the source at once, also while it is waited for. */
  #close(): void {
    try {
      void Promise.resolve(this.#events.return?.()).catch(() => {});
    } catch {
      // Nobody reads it any more: how it ends is of no interest.
    }
  }
}
