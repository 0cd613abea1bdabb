import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline as pipeStreams } from 'node:stream/promises';
import type { Exchange, Reply } from '../exchange.ts';
import { letGo } from '../internal/let-go.ts';
import type { Answer, Run } from '../middleware.ts';
import { CheckedHeaders, CollectedHeaders } from './node-head.ts';
import { bodyLeft, linger } from './node-linger.ts';
import { counted, declaredBytes, isWhole, notSendable, sourceOf } from './reply-body.ts';

/** An exchange as far as its answer is written here. */
export interface Written extends Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Bytes of the response body, when this host wrote it. */
  sent: number | undefined;
  headDone: boolean;
}

/**
 * Writes a reply. What cannot be written, whatever a handler gave, becomes a 500; once
 * the head is out, only the connection can say so.
 */
export function write(run: Run<Written>, exchange: Written, given: Answer): void {
  if (given === undefined) return;
  const reply = given;
  const { res } = exchange;
  if (res.destroyed || res.headersSent) {
    letGo(reply);
    // The handler wrote a part and failed then: a cut connection is the only honest signal left.
    if (!res.writableEnded) res.destroy();
    return;
  }
  try {
    writeReply(exchange, reply, run, new CollectedHeaders());
  } catch {
    // Some header cannot be sent. Each is looked at now: a hook's bad one is the hook's failure, the reply goes out.
    if (reset(res)) writeChecked(run, exchange, reply);
  }
}

function writeChecked(run: Run<Written>, exchange: Written, reply: Reply): void {
  try {
    writeReply(exchange, reply, run, new CheckedHeaders());
  } catch (error) {
    letGo(reply);
    // It is the reply's own. The problem that says so has no header of anybody's choice.
    if (reset(exchange.res)) writeReply(exchange, run.fail(error), run, new CheckedHeaders());
  }
}

/** Forgets an attempt to write a head; `false` when it is out already, and the connection the only way to say so. */
function reset(res: ServerResponse): boolean {
  if (res.headersSent) {
    res.destroy();
    return false;
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  // Left behind by the attempt, it would make a "500 OK".
  res.statusMessage = '';
  return true;
}

function writeReply(exchange: Written, reply: Reply, run: Run<Written>, headers: CollectedHeaders): void {
  const { req, res } = exchange;
  const { status, body } = reply;
  // A 1xx would leave the client waiting for the answer.
  if (!Number.isInteger(status) || status < 200 || status > 999) throw notSendable('The status of a reply');
  // What most give is seen at once.
  const whole = body === undefined || typeof body === 'string' || isWhole(body);
  const bodiless = status === 204 || status === 304;
  if (!whole && !bodiless && req.method !== 'HEAD') return writeStream(exchange, reply, body, run);
  take(headers, reply);
  const bytes = whole && body !== undefined ? Buffer.byteLength(body) : 0;
  if (whole && !bodiless) headers.set('content-length', String(bytes));
  exchange.sent = bodiless || req.method === 'HEAD' ? 0 : bytes;
  const unread = bodyLeft(req);
  if (unread) res.shouldKeepAlive = false;
  writeHead(exchange, status, headers, run);
  if (!whole) {
    letGo(reply);
    res.end();
  } else if (unread) linger(req, res, bodiless ? undefined : body);
  else res.end(bodiless ? undefined : body);
}

function take(headers: CollectedHeaders, reply: Reply): void {
  headers.take(reply.headers);
  // How the body is framed is up to this host.
  headers.delete('transfer-encoding');
}

function writeHead(exchange: Written, status: number, headers: CollectedHeaders, run: Run<Written>): void {
  run.head(status, headers);
  exchange.headDone = true;
  exchange.res.writeHead(status, headers.flat);
}

/**
 * Streams a body. The head leaves with the first bytes: a source that fails before it has any gives a
 * 500 like all that fails before the answer began.
 */
function writeStream(
  exchange: Written,
  reply: Reply,
  body: AsyncIterable<string | Uint8Array>,
  run: Run<Written>,
): void {
  const { req, res } = exchange;
  // By the time that the head is written there is no second try.
  const headers = new CheckedHeaders();
  take(headers, reply);
  exchange.sent = 0;
  const declared = declaredBytes(headers);
  const origin = sourceOf(body);
  const source = Readable.from(counted(origin.chunks, exchange, run, declared), { objectMode: false });
  res.once('close', () => {
    if (!res.writableFinished) origin.stop();
    source.destroy();
  });
  const fail = (error: unknown): void => {
    letGo(reply);
    write(run, exchange, run.fail(error));
  };
  source.once('error', fail);
  source.once('readable', () => {
    source.off('error', fail);
    if (bodyLeft(req)) res.shouldKeepAlive = false;
    writeHead(exchange, reply.status, headers, run);
    // The cut tells the client: the length or the last chunk is missing.
    pipeStreams(source, res).catch(() => res.destroy());
  });
}
