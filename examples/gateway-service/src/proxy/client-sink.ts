import type { ServerResponse } from 'node:http';
import type { Sink } from './attempt.ts';
import type { FlatHeaders } from './headers.ts';

/** Bytes of a body that go out as text. Node writes text together with the head, and bytes in a write of their own. */
const SHORT = 16 * 1024;

/** Writes an answer to the client as it comes. */
export class ClientSink implements Sink {
  readonly #res: ServerResponse;
  /** The first bytes, kept for this turn: mostly the end comes along with them. */
  #first: Buffer | undefined;
  /** Nothing is kept from here on. */
  #flowing = false;
  /** Statuses for which another instance is asked first. */
  readonly #unwanted: (status: number) => boolean;

  constructor(res: ServerResponse, unwanted: (status: number) => boolean = () => false) {
    this.#res = res;
    this.#unwanted = unwanted;
  }

  information(status: number, headers: FlatHeaders): void {
    // 100 was said here, and 101 is for upgrades.
    if (status !== 103 || this.#res.req.httpVersionMinor === 0) return;
    const links = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'link');
    if (links.length > 0) this.#res.writeEarlyHints({ link: links });
  }

  head(status: number, headers: FlatHeaders): boolean {
    if (this.#unwanted(status)) return false;
    this.#res.writeHead(status, headers);
    // With the first bytes where they came along; without, of a stream of events say, none may come for minutes.
    process.nextTick(flush, this);
    return true;
  }

  data(chunk: Buffer): boolean {
    if (this.#flowing) {
      this.#writeFirst();
      return this.#res.write(chunk);
    }
    this.#flowing = true;
    this.#first = chunk;
    return true;
  }

  end(trailers: FlatHeaders): void {
    if (trailers.length > 0 && this.#res.chunkedEncoding) this.#res.addTrailers(pairsOf(trailers));
    const first = this.#first;
    this.#first = undefined;
    this.#flowing = true;
    if (first !== undefined && first.byteLength <= SHORT) this.#res.end(first.toString('latin1'), 'latin1');
    else this.#res.end(first);
  }

  /** What has come so far goes out: of the rest nobody knows when it comes. */
  flush(): void {
    if (this.#res.destroyed) return;
    this.#writeFirst();
    if (!this.#flowing) this.#res.flushHeaders();
    this.#flowing = true;
  }

  #writeFirst(): void {
    if (this.#first === undefined) return;
    this.#res.write(this.#first);
    this.#first = undefined;
  }

  cut(): void {
    this.#res.destroy();
  }

  onDrain(resume: () => void): void {
    this.#res.on('drain', resume);
  }
}

function flush(sink: ClientSink): void {
  sink.flush();
}

function pairsOf(flat: FlatHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at] as string, flat[at + 1] as string]);
  return pairs;
}
