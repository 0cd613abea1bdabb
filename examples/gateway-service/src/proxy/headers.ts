import type { NodeExchange } from '@ent/middleware/node';

/** Names and values in turn, as undici and node take them: repeated headers stay as many as they are. */
export type FlatHeaders = string[];

/** The name of this proxy in `Via`, which RFC 9110, section 7.6.3 asks for. */
const VIA = '1.1 gateway';

/** Headers that are for one connection and end here (RFC 9110, section 7.6.1), and those of long ago. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What clients cannot say of themselves: it is set here. `expect` is answered here, since the body is read here. */
const OURS: ReadonlySet<string> = new Set([
  'expect',
  'forwarded',
  'host',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
  'x-request-timeout-ms',
  'x-identity',
]);

/** What a request is given on its way to a service. */
export interface Passport {
  /** A token of the gateway that says who calls; none where nobody has to. */
  readonly identity: string | undefined;
  /** How long the answer is waited for still. */
  readonly timeoutMs: number;
}

/** The headers of a request as a service gets them. */
export function requestHeaders(exchange: NodeExchange, passport: Passport): FlatHeaders {
  const { req } = exchange;
  const flat = endToEnd(req.rawHeaders, req.headers.connection, OURS);
  const { remoteAddress } = req.socket;
  // Of a chain only what a trusted proxy says is passed on: its end is the client that the exchange knows.
  const chain = exchange.peer === remoteAddress ? undefined : exchange.peer;
  flat.push('x-forwarded-for', chain === undefined ? exchange.peer : `${chain}, ${remoteAddress ?? 'unknown'}`);
  flat.push('x-forwarded-proto', exchange.scheme ?? 'http');
  if (req.headers.host !== undefined) flat.push('x-forwarded-host', req.headers.host);
  flat.push('via', joined(req.headers.via, `${req.httpVersion} gateway`));
  flat.push('x-request-id', exchange.id, 'x-request-timeout-ms', String(passport.timeoutMs));
  if (passport.identity !== undefined) flat.push('x-identity', passport.identity);
  return flat;
}

/** The headers of an answer as a client gets them. */
export function responseHeaders(raw: readonly (string | Buffer)[]): FlatHeaders {
  const texts = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  const flat = endToEnd(texts, valueOf(texts, 'connection'), VIA_ALONE);
  flat.push('via', joined(valueOf(texts, 'via'), VIA));
  return flat;
}

const VIA_ALONE: ReadonlySet<string> = new Set(['via']);

/** Leaves out what is for the connection, what `Connection` names, and `others`. */
function endToEnd(raw: readonly string[], connection: string | undefined, others: ReadonlySet<string>): FlatHeaders {
  const named = connection === undefined ? undefined : new Set(connection.toLowerCase().split(/[\s,]+/));
  const flat: FlatHeaders = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string;
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || others.has(lower)) continue;
    // `Connection: content-length` would change what the body is.
    if (named?.has(lower) === true && !FRAMING.has(lower)) continue;
    flat.push(name, raw[at + 1] as string);
  }
  return flat;
}

const FRAMING: ReadonlySet<string> = new Set(['content-length', 'content-type', 'content-encoding', 'authorization']);

function valueOf(flat: readonly string[], name: string): string | undefined {
  const values = flat.filter((_, at) => at % 2 === 1 && (flat[at - 1] as string).toLowerCase() === name);
  return values.length === 0 ? undefined : values.join(', ');
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}
