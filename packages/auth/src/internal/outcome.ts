import type { TracingChannel } from 'node:diagnostics_channel';
import { traced } from '@ent/internal';

/** Runs `work` inside a channel whose events tell an outcome: what `work` says of it, or else `ok` when it succeeds. */
export function tracedOutcome<Event extends { outcome?: string }, T>(
  channel: TracingChannel<Event, Event>,
  event: Event,
  work: (event: Event) => Promise<T>,
): Promise<T> {
  if (!channel.hasSubscribers) return work(event);
  return traced(channel, event, async () => {
    const result = await work(event);
    event.outcome ??= 'ok';
    return result;
  });
}
