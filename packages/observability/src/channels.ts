import type { TracingChannel } from 'node:diagnostics_channel';
import { operationChannel } from '@ent/internal';

/**
 * A metric whose values could not be collected and were left out of an answer (`ent:observability:collect`); only
 * `error` is published.
 */
export interface CollectOperation {
  readonly metric: string;
  /** What its `collect` threw, or `observability.collect_timeout`. */
  error?: unknown;
}

/** A span that could not be made, since the SDK or a part of it threw (`ent:observability:trace`); only `error`. */
export interface TraceOperation {
  /** The channel of the operation that it was about. */
  readonly operation: string;
  error?: unknown;
}

/** The channels of this package. */
export const channels: {
  readonly collect: TracingChannel<CollectOperation, CollectOperation>;
  readonly trace: TracingChannel<TraceOperation, TraceOperation>;
} = {
  collect: operationChannel<CollectOperation>('observability', 'collect'),
  trace: operationChannel<TraceOperation>('observability', 'trace'),
};
