/**
 * Retries for brokers that keep none themselves. A message that failed is stored in a topic that
 * only its group has, with headers that only this file knows: how often it was tried, when it may
 * be tried again, and how long that was to wait.
 */
import type { Delivery, SubscriptionSpec, WireMessage } from '../driver.ts';
import type { SubscriptionSetup } from './setup.ts';

/** No publisher may set a header that begins so. */
export const RETRY_PREFIX = 'ent-retry-';
const ATTEMPTS = `${RETRY_PREFIX}attempts`;
const NOT_BEFORE = `${RETRY_PREFIX}not-before`;
const WAIT = `${RETRY_PREFIX}wait`;

/**
 * So often may a broker have taken a message back, for whatever reason: more
 * than by the orderly stops of its subscribers.
 */
const MOST_RETURNS = 20;

/** A delivery as it is worked on: a retry is the message that was published, but for its attempt. */
export interface Arrival {
  readonly token: unknown;
  readonly message: WireMessage;
  /** Of the next try. */
  readonly attempt: number;
  /** Until that try. */
  readonly waitMs: number;
  /** It came too often without an answer: whoever tries it dies of it. */
  readonly deadly: boolean;
}

/** The message as it waits. The same id: should it be there twice, consumers know the duplicate. */
export function retryOf(message: WireMessage, attempts: number, waitMs: number, setup: SubscriptionSetup): WireMessage {
  return {
    ...message,
    topic: (setup.retries as SubscriptionSpec).topic,
    headers: {
      ...message.headers,
      [ATTEMPTS]: String(attempts),
      [NOT_BEFORE]: String(Math.ceil(setup.time.clock.now() + waitMs)),
      [WAIT]: String(Math.ceil(waitMs)),
    },
  };
}

/** What a delivery of the topic itself is. */
export function arrivalOf({ token, message, attempt = 1, returns = 0 }: Delivery, setup: SubscriptionSetup): Arrival {
  const deadly = attempt > setup.maxAttempts || returns >= mostReturns(setup);
  return { token, message, attempt, waitMs: 0, deadly };
}

/** What a delivery of the retry topic is. */
export function retriedArrivalOf(delivery: Delivery, setup: SubscriptionSetup): Arrival {
  const { token, attempt: deliveries = 1, returns = deliveries - 1 } = delivery;
  const { [ATTEMPTS]: attempts, [NOT_BEFORE]: notBefore, [WAIT]: wait, ...headers } = delivery.message.headers;
  const message = { ...delivery.message, topic: setup.topic, headers };
  const attempt = Math.max(1, numberIn(attempts)) + 1;
  // The clock of who stored it may be another one. That moves the wait; longer than the whole of it nobody waits.
  const waitMs = Math.max(0, Math.min(numberIn(notBefore) - setup.time.clock.now(), numberIn(wait)));
  // What the broker counts here is no attempt: whoever died of another message may have held this one while it waited.
  const deadly = attempt > setup.maxAttempts || returns >= mostReturns(setup);
  return { token, message, attempt, waitMs, deadly };
}

function mostReturns({ maxAttempts }: SubscriptionSetup): number {
  return Math.max(MOST_RETURNS, maxAttempts);
}

function numberIn(text: string | undefined): number {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : 0;
}
