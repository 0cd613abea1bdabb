import type { TracingChannel } from 'node:diagnostics_channel';

/**
 * Runs `work` inside a tracing channel when somebody listens, and directly when nobody does. `work`
 * may add to the event what is known afterwards.
 *
 * The result travels around the channel and not through it: `tracePromise` would hand it to every subscriber as
 * `event.result`, and results are rows, cached values, tokens and password hashes.
 */
export async function traced<Event extends object, T>(
  channel: TracingChannel<Event, Event>,
  event: Event,
  work: (event: Event) => Promise<T>,
): Promise<T> {
  if (!channel.hasSubscribers) return work(event);
  let result: { readonly value: T } | undefined;
  await channel.tracePromise(async () => {
    result = { value: await work(event) };
  }, event);
  return result!.value;
}
