import { EntError } from '@ent/errors';
import type { MessagingDriver, SendResult, WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { withCall } from './call.ts';
import { checkLength } from './prepare.ts';
import { wrap } from './send.ts';

/** What became of one message, with an error of ours. */
export type Forwarded =
  | { readonly status: 'stored' | 'unroutable' }
  | { readonly status: 'rejected' | 'indeterminate'; readonly error: EntError };

/** Sends messages that were made before, as they are. */
export interface Forwarding {
  readonly driver: MessagingDriver;
  /**
   * Sends them once, and answers what became of each, in their order. What is not known by the deadline is
   * `indeterminate`.
   *
   * @throws `messaging.closed`, and nothing else
   */
  forward(messages: readonly WireMessage[], signal: AbortSignal): Promise<Forwarded[]>;
  ping(): Promise<void>;
}

const forwardings = new WeakMap<object, Forwarding>();

/** Says how a `Messaging` forwards. Not a method of it: what an application sends is to be checked and traced. */
export function registerForwarding(messaging: object, forwarding: Forwarding): void {
  forwardings.set(messaging, forwarding);
}

/** @throws `messaging.invalid_options` for what `createMessaging` has not made */
export function forwardingOf(messaging: object, what: string): Forwarding {
  const forwarding = forwardings.get(messaging);
  if (forwarding) return forwarding;
  throw messagingErrors.invalid_options(`${what} needs what createMessaging or openMessaging made, as it is.`);
}

/** Each topic is a batch of its own: for one that is missing a driver may end all that it has under way. */
export async function forwardOnce(
  driver: MessagingDriver,
  messages: readonly WireMessage[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Forwarded[]> {
  const results: Forwarded[] = [];
  const topics = new Map<string, number[]>();
  for (const [at, { topic, body }] of messages.entries()) {
    try {
      checkLength(driver, topic, body);
      topics.set(topic, [...(topics.get(topic) ?? []), at]);
    } catch (error) {
      results[at] = { status: 'rejected', error: error as EntError };
    }
  }
  const sending = [...topics.values()].map(async (places) => {
    const batch = places.map((at) => messages[at] as WireMessage);
    const answers = await sendTopic(driver, batch, timeoutMs, signal);
    for (const [i, at] of places.entries()) results[at] = answers[i] as Forwarded;
  });
  await Promise.all(sending);
  return results;
}

async function sendTopic(
  driver: MessagingDriver,
  batch: readonly WireMessage[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Forwarded[]> {
  const timeout = (): Error => messagingErrors.timeout(`${driver.name} did not confirm within ${timeoutMs} ms.`);
  const what = `A message for "${batch[0]!.topic}" could not be sent`;
  try {
    const answers = await withCall(timeoutMs, timeout, signal, (call) => driver.send(batch, call));
    return answers.map((answer) => told(driver, answer, what));
  } catch (error) {
    return batch.map(() => told(driver, { status: 'indeterminate', error }, what));
  }
}

function told(driver: MessagingDriver, result: SendResult, what: string): Forwarded {
  if (!('error' in result)) return result;
  const { status, error } = result;
  return { status, error: (EntError.is(error) ? error : wrap(driver, error, what)) as EntError };
}
