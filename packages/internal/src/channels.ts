import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;

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
  const channel = tracingChannel<Payload, Payload>(`ent:${packageName}:${operation}`);
  // Bun's has everything but that, and undefined would be "nobody listens" for ever.
  if ((channel.hasSubscribers as boolean | undefined) === undefined) {
    const get = (): boolean => EVENTS.some((event) => channel[event].hasSubscribers);
    Object.defineProperty(channel, 'hasSubscribers', { get });
  }
  return channel;
}
