import type { ServerResponse } from 'node:http';
import { GrowingBytes } from '@ent/internal';
import type { Exchange, Reply, ReplyHeaders } from '../exchange.ts';
import { exchangeOf } from './exchange-of.ts';
import { type GivenHeaders, takeGiven } from './node-given.ts';

/** The response that a handler may write to by itself, on a host of node. */
export function responseOf(exchange: Exchange): ServerResponse | undefined {
  return (exchange as { readonly res?: ServerResponse }).res;
}

/** Whether the handler is an application, which was handed the request and does not say when it is done with it. */
export function isOfApplication(exchange: Exchange): boolean {
  const { req } = exchange as { readonly req?: object };
  return req !== undefined && exchangeOf(req) !== undefined;
}

/** What is of a connection, or said by the host again. */
const NOT_KEPT = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date', 'upgrade']);

/**
 * Reads along what is written to a response, whoever writes it. `told` is called once, when it is ended, also where
 * the client is gone by then: with the answer, or with undefined where that is larger than `maxBytes`. Its headers are
 * those of before the `head` hooks.
 *
 * @returns what ends the watch
 */
export function watchAnswer(
  res: ServerResponse,
  maxBytes: number,
  told: (reply: Reply | undefined) => void,
): () => void {
  // Called with the response as `this` again.
  // oxlint-disable-next-line typescript/unbound-method
  const { writeHead, write, end } = res;
  let head: Pick<Reply, 'status' | 'headers'> | undefined;
  let written: GrowingBytes | undefined = new GrowingBytes();
  const readAlong = (chunk: unknown, encoding: unknown): void => {
    if (written === undefined || (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))) return;
    // Copied: who writes may use its buffer again.
    const bytes = Buffer.from(chunk as string, typeof encoding === 'string' ? (encoding as BufferEncoding) : undefined);
    if (written.size + bytes.byteLength > maxBytes) written = undefined;
    else written.add(bytes);
  };
  // A flag, and nothing put back: others may have put functions around these.
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    written = undefined;
  };
  res.writeHead = (status: number, second?: string | GivenHeaders, third?: GivenHeaders) => {
    if (stopped) return Reflect.apply(writeHead, res, [status, second, third]) as ServerResponse;
    const given = typeof second === 'string' ? third : (second ?? third);
    if (given !== undefined) takeGiven(res, given);
    head ??= { status, headers: headersOf(res) };
    return Reflect.apply(writeHead, res, typeof second === 'string' ? [status, second] : [status]) as ServerResponse;
  };
  res.write = ((chunk: unknown, ...rest: [never, never]) => {
    readAlong(chunk, rest[0]);
    return write.call(res, chunk, ...rest);
  }) as typeof write;
  res.end = ((...args: [never, never, never]) => {
    if (stopped) return end.apply(res, args);
    readAlong(args[0], args[1]);
    head ??= { status: res.statusCode, headers: headersOf(res) };
    end.apply(res, args);
    const reply = written === undefined ? undefined : { ...head, body: written.all() };
    stop();
    told(reply);
    return res;
  }) as typeof end;
  return stop;
}

function headersOf(res: ServerResponse): ReplyHeaders {
  const kept = Object.entries(res.getHeaders()).filter(([name]) => !NOT_KEPT.has(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, Array.isArray(value) ? value : String(value)]));
}
