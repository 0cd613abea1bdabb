import { type OutgoingHttpHeader, type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http';
import type { HeaderBag, ReplyHeaders } from '../exchange.ts';
import { type GivenHeaders, takeGiven } from './node-given.ts';

/** What happens before a head is written. */
export interface HeadWriter {
  /** The head hooks have run. */
  headDone: boolean;
  runHead(status: number, headers: HeaderBag): void;
}

const WRITER = Symbol('head writer');
const WRITE_HEAD = Symbol('writeHead before us');
type Patched = ServerResponse & { [WRITER]: HeadWriter; [WRITE_HEAD]: ServerResponse['writeHead'] };

/**
 * Runs the head hooks once, just before the head of `res` is written, however it is written: by a framework's error
 * path that removed every header set before, or implicitly by `res.end`. Node comes through `writeHead` in all of them.
 */
export function patchWriteHead(res: ServerResponse, writer: HeadWriter): void {
  const patched = res as Patched;
  patched[WRITER] = writer;
  // Called with the response as `this` again.
  // oxlint-disable-next-line typescript/unbound-method
  patched[WRITE_HEAD] = res.writeHead;
  // One function for all responses: a closure for each would cost more than the hooks do.
  res.writeHead = writeHead;
}

function writeHead(
  this: Patched,
  status: number,
  second?: string | GivenHeaders,
  third?: GivenHeaders,
): ServerResponse {
  const writer = this[WRITER];
  if (writer.headDone) return this[WRITE_HEAD](status, second as string, third);
  writer.headDone = true;
  const given = typeof second === 'string' ? third : (second ?? third);
  // Taken over first, so that the hooks see and can change what is really sent.
  if (given !== undefined) takeGiven(this, given);
  writer.runHead(status, new NodeHeaders(this));
  return typeof second === 'string' ? this[WRITE_HEAD](status, second) : this[WRITE_HEAD](status);
}

/** The headers of a response that somebody else writes. */
class NodeHeaders implements HeaderBag {
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
    this.#res.setHeader(name, joined(this.get(name), value));
  }
  delete(name: string): void {
    this.#res.removeHeader(name);
  }
}

/**
 * The headers of a reply that we write: collected here and given to node in one go, which it does faster than one by
 * one. An answer has few, among which looking is faster than a `Map`.
 */
export class CollectedHeaders implements HeaderBag {
  /** Names and values in turn, as `writeHead` takes them. */
  readonly flat: OutgoingHttpHeader[] = [];

  take(headers: ReplyHeaders | undefined): void {
    for (const name in headers) this.#put(name, headers[name] as string | readonly string[]);
  }
  protected check(_name: string, _value: string | readonly string[]): void {}

  #put(name: string, value: string | readonly string[]): void {
    this.check(name, value);
    const lower = name.toLowerCase();
    const at = this.#find(lower);
    if (at === -1) this.flat.push(lower, value as OutgoingHttpHeader);
    else this.flat[at + 1] = value as OutgoingHttpHeader;
  }
  /** Where a name stands, in lower case. */
  #find(lower: string, end: number = this.flat.length): number {
    for (let at = 0; at < end; at += 2) if (this.flat[at] === lower) return at;
    return -1;
  }
  has(name: string): boolean {
    return this.#find(name.toLowerCase()) !== -1;
  }
  get(name: string): string | undefined {
    const at = this.#find(name.toLowerCase());
    const value = at === -1 ? undefined : (this.flat[at + 1] as string | readonly string[]);
    return typeof value === 'object' ? value.join(', ') : value;
  }
  set(name: string, value: string): void {
    this.#put(name, value);
  }
  append(name: string, value: string): void {
    this.#put(name, joined(this.get(name), value));
  }
  delete(name: string): void {
    const at = this.#find(name.toLowerCase());
    if (at !== -1) this.flat.splice(at, 2);
  }
  fill(headers: readonly (readonly [name: string, value: string])[]): void {
    const before = this.flat.length;
    for (const [name, value] of headers) {
      if (this.#find(name, before) !== -1) continue;
      this.check(name, value);
      this.flat.push(name, value);
    }
  }
}

/** The same, but says at once what cannot be sent. Node says it only when the head is written, and not whose it was. */
export class CheckedHeaders extends CollectedHeaders {
  protected override check(name: string, value: string | readonly string[]): void {
    validateHeaderName(name);
    for (const each of typeof value === 'object' ? value : [value]) validateHeaderValue(name, each);
  }
}

function joined(before: string | undefined, value: string): string {
  return before === undefined || before === '' ? value : `${before}, ${value}`;
}
