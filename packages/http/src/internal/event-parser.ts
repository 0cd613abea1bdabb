import { createParser } from 'eventsource-parser';

/** An event as it stands in a stream. */
export interface ParsedEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** Reads a stream of events (WHATWG HTML, section 9.2.6) as its bytes come. */
export class EventParser {
  /** The last id that came, also without an event. */
  id: string;
  /** How long to wait before connecting again, in milliseconds, where the service has said so. */
  retryMs: number | undefined;
  /** An event was longer than it may be; nothing more is read. */
  isTooLong = false;
  readonly #decoder = new TextDecoder();
  #events: ParsedEvent[] = [];
  readonly #parser;

  /**
   * @param id the last one of the connection before
   * @param maxLength of an event that is not whole yet, in units of text
   */
  constructor(id: string, maxLength: number) {
    this.id = id;
    this.#parser = createParser({
      maxBufferSize: maxLength,
      onId: (given) => (this.id = given),
      onEvent: ({ event = 'message', data }) => this.#events.push({ event, id: this.id, data }),
      onRetry: (ms) => (this.retryMs = Math.min(ms, LONGEST_RETRY_MS)),
      // Other faults are lines that the standard says to pass over.
      onError: ({ type }) => (this.isTooLong ||= type === 'max-buffer-size-exceeded'),
    });
  }

  /** Takes the next bytes, and gives the events that are whole with them. */
  push(bytes: Uint8Array): ParsedEvent[] {
    if (!this.isTooLong) this.#parser.feed(this.#decoder.decode(bytes, { stream: true }));
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

/** More than 24 days fit no timer. */
const LONGEST_RETRY_MS = 2_147_483_647;
