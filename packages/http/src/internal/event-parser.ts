/** An event as it stands in a stream. */
export interface ParsedEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/**
 * Reads a stream of events (WHATWG HTML, section 9.2.6) as its bytes come.
 *
 * @param id the last one of the connection before
 */
export class EventParser {
  /** The last id that came. */
  id: string;
  /** How long to wait before connecting again, in milliseconds, where the service has said so. */
  retryMs: number | undefined;
  /** Units of text of the event that is not whole yet. */
  pending = 0;
  readonly #decoder = new TextDecoder();
  /** A line that is not whole yet. */
  readonly #pieces: string[] = [];
  #data: string[] | undefined;
  #event = '';
  #nextId: string;
  /** A line ended with CR, behind which a LF belongs to it. */
  #afterCr = false;

  constructor(id: string) {
    this.id = id;
    this.#nextId = id;
  }

  /** Takes the next bytes, and gives the events that are whole with them. */
  push(bytes: Uint8Array): ParsedEvent[] {
    const text = this.#decoder.decode(bytes, { stream: true });
    const events: ParsedEvent[] = [];
    let at = 0;
    if (this.#afterCr && text.length > 0) {
      if (text.startsWith('\n')) at = 1;
      this.#afterCr = false;
    }
    this.pending += text.length - at;
    LINE_END.lastIndex = at;
    for (let end = LINE_END.exec(text); end !== null; end = LINE_END.exec(text)) {
      this.#pieces.push(text.slice(at, end.index));
      at = LINE_END.lastIndex;
      if (end[0] === '\r' && at === text.length) this.#afterCr = true;
      const event = this.#line(this.#pieces.join(''));
      this.#pieces.length = 0;
      if (event === undefined) continue;
      if (event !== NOTHING) events.push(event);
      this.pending = text.length - at;
    }
    if (at < text.length) this.#pieces.push(text.slice(at));
    return events;
  }

  /** Undefined within an event; `NOTHING` for the end of one that has no data. */
  #line(line: string): ParsedEvent | undefined {
    if (line === '') return this.#end();
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') (this.#data ??= []).push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#nextId = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  #end(): ParsedEvent {
    this.id = this.#nextId;
    const [data, event] = [this.#data, this.#event];
    this.#data = undefined;
    this.#event = '';
    return data === undefined
      ? NOTHING
      : { event: event === '' ? 'message' : event, id: this.id, data: data.join('\n') };
  }
}

const NOTHING: ParsedEvent = { event: '', id: '', data: '' };
const LINE_END = /\r\n|\n|\r/g;
