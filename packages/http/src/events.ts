import { durationOption, refuseUnknown } from '@ent/internal';
import type { Exchange } from '@ent/middleware';
import type { $ZodType, input } from 'zod/v4/core';
import { type RouteAnswer, routeAnswer } from './answer.ts';
import { httpErrors } from './errors.ts';
import { compileEvent } from './internal/event-text.ts';
import { EventStream } from './internal/event-stream.ts';
import { whenDraining } from './internal/draining.ts';
import type { Duration } from './options.ts';
import type { ReceivedEvents, ServerSentEvent } from './server-sent-event.ts';

/** How {@link eventStream} sends. */
export interface EventStreamOptions<Data extends $ZodType | undefined = undefined> {
  /** Schema of the data, which is sent as JSON and goes through it like any answer. Without it data is text. */
  readonly data?: Data;
  /**
   * After which time without an event a comment is sent, which clients do not show, so that proxies keep the connection
   * and a client that is gone is noticed. Default: `"15s"`.
   */
  readonly heartbeat?: Duration | undefined;
  /** As of an event; sent at the beginning. Default: none. */
  readonly retry?: Duration | undefined;
  /** For the document. Default: `Server-sent events`. */
  readonly description?: string | undefined;
}

const OPTIONS = { data: true, heartbeat: true, retry: true, description: true } as const;

/**
 * A stream of events as the 200 of a route: the handler gives an async iterable of them, such as an async generator.
 *
 * The next event is asked for when there is room for it: a slow client makes the iterable wait, and nothing piles up.
 * When the client goes away, `exchange.signal` aborts and `return()` of the iterator is called, at once; a generator
 * that waits for something ends when that is over, so let it wait with the signal. `drain()` ends streams after its
 * `grace`, in the same way, so that clients connect again, to another instance.
 *
 * A client that comes back says the last id that it got: {@link lastEventId}. One that is to stay away is answered with
 * 204. What the iterable throws cuts the connection, and clients come back.
 *
 * @throws `http.invalid_options`. As the answer of a route, `http.response_invalid`: for data that the schema refuses,
 *   and an `id` or `event` that has a line break or NUL
 * @example
 * ```ts
 * import { setTimeout } from 'node:timers/promises';
 * import { eventStream, lastEventId, route } from '@ent/http';
 * import { z } from 'zod';
 *
 * const ticks = route({
 *   method: 'GET',
 *   path: '/ticks',
 *   responses: { 200: eventStream({ data: z.object({ n: z.int() }) }) },
 *   async *handler({ exchange }) {
 *     for (let n = Number(lastEventId(exchange) ?? 0) + 1; ; n++) {
 *       await setTimeout(1000, undefined, { signal: exchange.signal });
 *       yield { id: String(n), data: { n } };
 *     }
 *   },
 * });
 * ```
 */
export function eventStream<const Data extends $ZodType | undefined = undefined>(
  options: EventStreamOptions<Data> = {},
): RouteAnswer<AsyncIterable<ServerSentEvent<Data extends $ZodType ? input<Data> : string>>, ReceivedEvents<Data>> {
  refuseUnknown(options, OPTIONS, 'eventStream', httpErrors.invalid_options);
  const { data, description = 'Server-sent events' } = options;
  if (data !== undefined && (typeof data !== 'object' || (data as object | null) === null || !('_zod' in data))) {
    throw httpErrors.invalid_options('eventStream: data must be a schema of zod.');
  }
  if (typeof description !== 'string') throw httpErrors.invalid_options('eventStream: description must be a text.');
  const heartbeatMs = durationOption(options.heartbeat ?? '15s', 'eventStream: heartbeat', httpErrors.invalid_options);
  const { retry } = options;
  const retryMs =
    retry === undefined ? undefined : durationOption(retry, 'eventStream: retry', httpErrors.invalid_options);
  // A comment lets the head go out; and behind it, no byte order mark of an event is at the beginning of the stream.
  const first = retryMs === undefined ? ':\n\n' : `retry: ${Math.ceil(retryMs)}\n\n`;
  return routeAnswer({
    compile(name, status) {
      if (status !== 200) throw httpErrors.invalid_route(`${name}: a stream of events is the 200 of a route.`);
      const textOf = compileEvent(name, data);
      return {
        reply(events, exchange, headers) {
          if (typeof (events as AsyncIterable<never> | undefined)?.[Symbol.asyncIterator] !== 'function') {
            throw httpErrors.response_invalid(`${name} gave no async iterable of events.`);
          }
          const body = new EventStream(events, { textOf, first, heartbeatMs });
          const forget = whenDraining(exchange, () => {
            body.finish();
            exchange.abort(httpErrors.draining('The server stops.'));
          });
          body.once('close', forget);
          return { status: 200, headers: { ...HEADERS, ...headers }, body };
        },
      };
    },
    document: { description, content: { 'text/event-stream': {} } },
  });
}

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // nginx would collect events until it has some kilobytes of them.
  'x-accel-buffering': 'no',
} as const;

/**
 * The id of the last event that a client got before it lost the connection: `Last-Event-ID`; `undefined` for one that
 * begins.
 *
 * @throws `http.invalid_options` for what is no exchange
 */
export function lastEventId(exchange: Pick<Exchange, 'header'>): string | undefined {
  if (typeof (exchange as Partial<Exchange> | null | undefined)?.header !== 'function') {
    throw httpErrors.invalid_options('lastEventId takes an exchange.');
  }
  const id = exchange.header('last-event-id');
  // Clients send UTF-8, of which hosts make a character a byte.
  return id === undefined || id === '' ? undefined : Buffer.from(id, 'latin1').toString();
}
