import { type OutgoingHttpHeaders, validateHeaderName, validateHeaderValue } from 'node:http';
import { Http2ServerResponse } from 'node:http2';

type Values = number | string | readonly string[];

/**
 * The answer of node's compatibility API, which looks at header values as that of HTTP/1.1 does: HTTP/2 carries a line
 * break as it is, and a proxy that writes it on as HTTP/1.1 would split the answer.
 */
export class CheckedResponse extends Http2ServerResponse {
  override setHeader(name: string, value: Values): void {
    check(name, value);
    super.setHeader(name, value);
  }

  override appendHeader(name: string, value: string | string[]): void {
    check(name, value);
    super.appendHeader(name, value);
  }

  override writeHead(status: number, ...rest: unknown[]): this {
    const headers = rest.at(-1);
    if (Array.isArray(headers)) checkFlat(headers);
    else if (typeof headers === 'object' && headers !== null) {
      for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
        if (value !== undefined) check(name, value);
      }
    }
    return super.writeHead(status, ...(rest as [OutgoingHttpHeaders]));
  }
}

// Node's says so of one that the client cancelled before it was answered, too.
const finished = Object.getOwnPropertyDescriptor(Http2ServerResponse.prototype, 'writableFinished');
Object.defineProperty(CheckedResponse.prototype, 'writableFinished', {
  get(this: CheckedResponse): boolean {
    return this.writableEnded && finished?.get?.call(this) === true;
  },
});

/** Names and values in turn, or pairs of them. */
function checkFlat(headers: readonly unknown[]): void {
  const flat = Array.isArray(headers[0]) ? headers.flat(1) : headers;
  for (let at = 0; at + 1 < flat.length; at += 2) check(flat[at] as string, flat[at + 1] as Values);
}

function check(name: string, value: Values): void {
  validateHeaderName(name);
  for (const each of typeof value === 'object' ? value : [value]) validateHeaderValue(name, each as string);
}
