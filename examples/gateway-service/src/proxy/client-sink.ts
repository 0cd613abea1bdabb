import type { ServerResponse } from 'node:http';
import type { Sink } from './attempt.ts';
import type { FlatHeaders } from './headers.ts';

/** Writes an answer to the client as it comes. */
export class ClientSink implements Sink {
  readonly #res: ServerResponse;
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
    process.nextTick(flush, this.#res);
    return true;
  }

  data(chunk: Buffer): boolean {
    return this.#res.write(chunk);
  }

  end(trailers: FlatHeaders): void {
    if (trailers.length > 0 && this.#res.chunkedEncoding) this.#res.addTrailers(pairsOf(trailers));
    this.#res.end();
  }

  cut(): void {
    this.#res.destroy();
  }

  onDrain(resume: () => void): void {
    this.#res.on('drain', resume);
  }
}

function flush(res: ServerResponse): void {
  if (!res.writableEnded && !res.destroyed) res.flushHeaders();
}

function pairsOf(flat: FlatHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at] as string, flat[at + 1] as string]);
  return pairs;
}
