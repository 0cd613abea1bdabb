/**
 * Retries for brokers that keep none themselves. A message that failed is stored in a topic that
 * only its group has, with headers that only this file knows: how often it was tried, when it may
 * be tried again, and how long that was to wait.
 */
import type { Delivery, SubscriptionSpec, WireMessage } from '../driver.ts';
import { HEADERS } from '../message.ts';
import { DEAD_LETTER_HEADERS } from './dead-letter.ts';
import { isPattern } from './patterns.ts';
import type { SubscriptionSetup } from './setup.ts';
import type { Cause, Unburied } from './unburied.ts';

/** No publisher may set a header that begins so. */
export const RETRY_PREFIX = 'ent-retry-';
const ATTEMPTS = `${RETRY_PREFIX}attempts`;
const NOT_BEFORE = `${RETRY_PREFIX}not-before`;
const WAIT = `${RETRY_PREFIX}wait`;
/** Where it was published, for the group of a pattern. */
const TOPIC = `${RETRY_PREFIX}topic`;
/** Attempts of a message that was only postponed. */
const NONE = '0';
/** Of a message that could not be buried. */
const DIED_OF = `${RETRY_PREFIX}died-of`;
const DIED_AFTER = `${RETRY_PREFIX}died-after`;
const DIED_AT = `${RETRY_PREFIX}died-at`;
const DIED_IN = `${RETRY_PREFIX}died-in`;
/** Of one that may be what its subscribers die of. */
const SUSPECT = `${RETRY_PREFIX}suspect`;

/**
 * A message that kills whoever tries it does so this often, where a broker counts what it took back, for whatever
 * reason. After half of them it is a suspect, whose returns are counted anew, and tell more: it waits with nobody.
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
  /** How often it was tried before, as far as that is known. */
  readonly tries: number;
  /** It came too often without an answer: whoever tries it dies of it. */
  readonly deadly: boolean;
  /** It came back often, and may have been given back each time: it is to become a suspect. */
  readonly cameOften: boolean;
  /** When it comes back once more, it was tried. */
  readonly isSuspect: boolean;
  /** It is dead already, of this. */
  readonly cause: Cause | undefined;
  /** It is for another group alone. */
  readonly isOthers: boolean;
}

/** The message as it waits. The same id: should it be there twice, consumers know the duplicate. */
export function retryOf(
  message: WireMessage,
  attempts: number,
  waitMs: number,
  setup: SubscriptionSetup,
  cause?: Cause,
): WireMessage {
  return {
    ...message,
    topic: (setup.retries as SubscriptionSpec).topic,
    group: undefined,
    isInternal: true,
    headers: {
      ...message.headers,
      ...(isPattern(setup.topic) && { [TOPIC]: message.topic }),
      [ATTEMPTS]: String(attempts),
      [NOT_BEFORE]: String(Math.ceil(setup.time.clock.now() + waitMs)),
      [WAIT]: String(Math.ceil(waitMs)),
      ...(cause && {
        [DIED_OF]: cause.reason,
        [DIED_AFTER]: String(cause.attempts),
        ...(cause.at !== undefined && { [DIED_AT]: String(cause.at) }),
        ...(cause.fields !== undefined && { [DIED_IN]: cause.fields }),
      }),
    },
  };
}

/** The message as it is stored to be tried by whoever gets it, or to go to the next one. */
export function suspectOf(message: WireMessage): WireMessage {
  return { ...message, headers: { ...message.headers, [SUSPECT]: 'true' } };
}

/** The same for a broker that keeps it back. */
export function keptBack(letter: WireMessage, waitMs: number, { group }: SubscriptionSpec): WireMessage {
  return { ...letter, group, delayMs: Math.ceil(waitMs) };
}

/** What a delivery of the topic itself is. */
export function arrivalOf(delivery: Delivery, setup: SubscriptionSetup, unburied: Unburied): Arrival {
  const { token, message, attempt = 1, returns = 0 } = delivery;
  const deliverAt = message.headers[HEADERS.deliverAt];
  return {
    token,
    message,
    attempt,
    waitMs: deliverAt === undefined ? 0 : Math.max(0, numberIn(deliverAt) - setup.time.clock.now()),
    tries: attempt - 1,
    deadly: attempt > setup.maxAttempts,
    cameOften: setup.retries !== undefined && returns >= oftenOf(setup) && !isLetter(message),
    isSuspect: false,
    cause: unburied.isEmpty ? undefined : unburied.causeOf(message),
    isOthers: message.group !== undefined && message.group !== setup.group,
  };
}

/** What a delivery of the retry topic is. */
export function retriedArrivalOf(delivery: Delivery, setup: SubscriptionSetup, unburied: Unburied): Arrival {
  const { token, attempt: deliveries = 1, returns = deliveries - 1, leftMs = Infinity } = delivery;
  const {
    [ATTEMPTS]: attempts,
    [NOT_BEFORE]: notBefore,
    [WAIT]: wait,
    [TOPIC]: topic = setup.topic,
    [DIED_OF]: reason,
    [DIED_AFTER]: after,
    [DIED_AT]: at,
    [DIED_IN]: fields,
    [SUSPECT]: suspect,
    ...headers
  } = delivery.message.headers;
  const message = { ...delivery.message, topic, headers };
  // One that was only postponed was not tried yet; others were, whatever somebody has written there.
  const attempt = attempts === NONE ? 1 : Math.max(1, numberIn(attempts)) + 1;
  // The clock of who stored it may be another one. That moves the wait; longer than the whole of it nobody waits.
  const waitMs = Math.max(0, Math.min(numberIn(notBefore) - setup.time.clock.now(), numberIn(wait), leftMs));
  // What the broker counts is no attempt: it may have been given back, or waited with who died of another message.
  const isSuspect = suspect !== undefined;
  const cameOften = returns >= oftenOf(setup);
  const isKiller = isSuspect && cameOften;
  const deadly = attempt > setup.maxAttempts || isKiller;
  const tries = attempt - 1 + (isKiller ? returns : 0);
  const cause =
    reason === undefined
      ? unburied.causeOf(message)
      : { reason, attempts: numberIn(after), at: at === undefined ? undefined : numberIn(at), fields };
  return {
    token,
    message,
    attempt,
    waitMs,
    tries,
    deadly,
    cameOften: cameOften && !deadly,
    isSuspect,
    cause,
    isOthers: false,
  };
}

/** Whoever lists dead letters takes them and gives them back, where a broker has no other way. */
function isLetter({ headers }: WireMessage): boolean {
  return headers[DEAD_LETTER_HEADERS.topic] !== undefined;
}

function oftenOf({ maxAttempts }: SubscriptionSetup): number {
  return Math.ceil(Math.max(MOST_RETURNS, maxAttempts) / 2);
}

function numberIn(text: string | undefined): number {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : 0;
}
