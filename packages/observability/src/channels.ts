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

/** The channels of this package. */
export const channels: { readonly collect: TracingChannel<CollectOperation, CollectOperation> } = {
  collect: operationChannel<CollectOperation>('observability', 'collect'),
};
