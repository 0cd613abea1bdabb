import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';

/**
 * The tracing channel `ent:<package>:<operation>`, typed by the payload that the package publishes on it.
 *
 * Hot paths ask `channel.hasSubscribers` first and call the work directly when
 * nobody listens: that check is the whole cost.
 */
export function operationChannel<Payload extends object>(
  packageName: string,
  operation: string,
): TracingChannel<Payload, Payload> {
  return tracingChannel<Payload, Payload>(`ent:${packageName}:${operation}`);
}
