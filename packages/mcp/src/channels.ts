import type { TracingChannel } from 'node:diagnostics_channel';
import { operationChannel } from '@ent/internal';

/** Published while a tool runs (`ent:mcp:call`). */
export interface CallOperation {
  /** The name of the server. */
  readonly server: string;
  readonly tool: string;
  /** What was thrown, where it failed; set before `error` and `asyncEnd` are published. */
  error?: unknown;
}

/** The channels of this package; subscribe with `channels.call.subscribe({ start, asyncEnd, error, ... })`. */
export const channels: { readonly call: TracingChannel<CallOperation, CallOperation> } = {
  call: operationChannel<CallOperation>('mcp', 'call'),
};
