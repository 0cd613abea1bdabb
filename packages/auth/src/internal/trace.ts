import type { TracingChannel } from 'node:diagnostics_channel';

/**
 * Runs `work` inside a tracing channel when somebody listens, and directly when nobody does.
 *
 * The result travels around the channel and not through it: `tracePromise` would hand it to every subscriber as
 * `payload.result`, and results here are tokens and password hashes.
 */
export async function traced<Payload extends { outcome?: string }, T>(
  channel: TracingChannel<Payload, Payload>,
  payload: Payload,
  work: (payload: Payload) => Promise<T>,
): Promise<T> {
  if (!channel.hasSubscribers) return work(payload);
  let result: T | undefined;
  await channel.tracePromise(async () => {
    result = await work(payload);
    payload.outcome ??= 'ok';
  }, payload);
  return result as T;
}
