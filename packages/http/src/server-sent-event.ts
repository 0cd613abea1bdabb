import type { $ZodType } from 'zod/v4/core';
import type { Duration } from './options.ts';

/** One event of a stream (server-sent events, WHATWG HTML section 9.2). */
export interface ServerSentEvent<Data = string> {
  /** What is sent. Without it a client hears of no event, and keeps the `id`. */
  readonly data?: Data | undefined;
  /** The type of the event, for `addEventListener` of the client. Default: `message`. */
  readonly event?: string | undefined;
  /** What a client that lost the connection comes back with: see `lastEventId()`. An empty one forgets. */
  readonly id?: string | undefined;
  /** How long clients wait before they connect again. Default: about three seconds, as the client likes. */
  readonly retry?: Duration | undefined;
}

/** What a client knows of a stream of events: the schema of their data, `undefined` where it is text. */
export interface ReceivedEvents<Data extends $ZodType | undefined> {
  readonly events: true;
  readonly data?: Data;
}
