import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { HeaderBag } from '../exchange.ts';

type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * Calls `onHead` once, just before the head of `res` is written, however it is written: by us, by a framework's error
 * path that removed every header set before, or implicitly by `res.end`. Node comes through `writeHead` in all of them.
 */
export function patchWriteHead(res: ServerResponse, onHead: (status: number, headers: HeaderBag) => void): void {
  const writeHead = res.writeHead;
  const patched = (status: number, second?: string | GivenHeaders, third?: GivenHeaders): ServerResponse => {
    res.writeHead = writeHead;
    const given = typeof second === 'string' ? third : (second ?? third);
    // Taken over first, so that the hooks see and can change what is really sent.
    if (given !== undefined) take(res, given);
    onHead(status, new NodeHeaders(res));
    return typeof second === 'string' ? res.writeHead(status, second) : res.writeHead(status);
  };
  res.writeHead = patched as typeof res.writeHead;
}

/** `writeHead` takes an object, or a flat array of names and values in which names may repeat. */
function take(res: ServerResponse, given: GivenHeaders): void {
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given)) if (value !== undefined) res.setHeader(name, value);
    return;
  }
  const seen = new Set<string>();
  for (let i = 0; i + 1 < given.length; i += 2) {
    const name = String(given[i]);
    const value = given[i + 1] as string | string[];
    if (seen.has(name.toLowerCase())) res.appendHeader(name, value);
    else res.setHeader(name, value);
    seen.add(name.toLowerCase());
  }
}

/** The headers of a node response as a {@link HeaderBag}. */
export class NodeHeaders implements HeaderBag {
  readonly #res: ServerResponse;

  constructor(res: ServerResponse) {
    this.#res = res;
  }
  has(name: string): boolean {
    return this.#res.hasHeader(name);
  }
  get(name: string): string | undefined {
    const value = this.#res.getHeader(name);
    return value === undefined ? undefined : Array.isArray(value) ? value.join(', ') : String(value);
  }
  set(name: string, value: string): void {
    this.#res.setHeader(name, value);
  }
  append(name: string, value: string): void {
    const before = this.get(name);
    this.#res.setHeader(name, before === undefined || before === '' ? value : `${before}, ${value}`);
  }
  delete(name: string): void {
    this.#res.removeHeader(name);
  }
}
