import type { HeaderBag, Reply } from '../exchange.ts';

/** `Headers` as a bag: they say at once what cannot be sent, so that a hook's bad header is the hook's failure. */
export class FetchHeaders implements HeaderBag {
  readonly headers: Headers;

  constructor(headers: Headers) {
    this.headers = headers;
  }
  has(name: string): boolean {
    return this.headers.has(name);
  }
  get(name: string): string | undefined {
    return this.headers.get(name) ?? undefined;
  }
  set(name: string, value: string): void {
    this.headers.set(name, value);
  }
  append(name: string, value: string): void {
    // As one line, like other hosts.
    const before = this.headers.get(name);
    this.headers.set(name, before === null || before === '' ? value : `${before}, ${value}`);
  }
  delete(name: string): void {
    this.headers.delete(name);
  }
  fill(headers: readonly (readonly [name: string, value: string])[]): void {
    for (const [name, value] of headers) if (!this.headers.has(name)) this.headers.set(name, value);
  }
}

/** The headers of a reply, without its framing, which is up to the host. */
export function headersOf(reply: Reply): FetchHeaders {
  const headers = new Headers();
  const given = reply.headers ?? {};
  for (const name in given) {
    headers.delete(name);
    const value = given[name] as string | readonly string[];
    for (const each of typeof value === 'object' ? value : [value]) headers.append(name, each);
  }
  headers.delete('transfer-encoding');
  return new FetchHeaders(headers);
}
