import type { TracingChannel } from 'node:diagnostics_channel';
import { operationChannel } from '@ent/internal';
import type { Exchange } from './exchange.ts';

/**
 * One HTTP request that was served (`ent:http:request`): the access log,
 * the server's metrics and its span come from it.
 *
 * `start` and `end` bracket the synchronous part. Everything else is known when the exchange is over: then come
 * `error`, where something failed on our side, and `asyncEnd`, once, in the async context of the exchange.
 */
export interface RequestOperation {
  readonly exchange: Exchange;
  readonly method: string;
  /** Pattern of the route, for example `/users/:id`; `undefined` when no route matched. */
  route?: string | undefined;
  /** The status that was sent; `undefined` when the client left before. */
  status?: number | undefined;
  /** From the arrival of the head to the end of the answer, in milliseconds. */
  durationMs?: number;
  /** Size of the response body in bytes, where it is known. */
  bytes?: number | undefined;
  /** The answer is not complete: the client went away, or what was streamed failed. */
  aborted?: boolean;
  /** What a hook or the handler threw, also where it is the client's fault. */
  error?: unknown;
}

/** A hook that failed without harm to the answer (`ent:middleware:hook`); only `error` is published. */
export interface HookOperation {
  readonly middleware: string;
  readonly hook: 'wait' | 'reply' | 'head' | 'done';
  error?: unknown;
}

/**
 * A limit that was asked (`ent:middleware:rate-limit`); `error` is published when
 * the store failed and the local one took over.
 */
export interface RateLimitOperation {
  readonly policy: string;
  allowed?: boolean;
  error?: unknown;
}

/** The channels of this package. */
export const channels: {
  readonly request: TracingChannel<RequestOperation, RequestOperation>;
  readonly hook: TracingChannel<HookOperation, HookOperation>;
  readonly rateLimit: TracingChannel<RateLimitOperation, RateLimitOperation>;
} = {
  request: operationChannel<RequestOperation>('http', 'request'),
  hook: operationChannel<HookOperation>('middleware', 'hook'),
  rateLimit: operationChannel<RateLimitOperation>('middleware', 'rate-limit'),
};
