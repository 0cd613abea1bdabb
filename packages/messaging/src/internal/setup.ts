import { exponentialBackoff, refuseUnknown } from '@ent/internal';
import type { MessagingDriver, SubscriptionSpec } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { checkName, nameOf, type Handler, type Topic } from '../message.ts';
import type { SubscribeOptions } from '../options.ts';
import { countOption, durationOption } from './checks.ts';
import type { Timing } from './clock.ts';
import type { Hooks } from './hooks.ts';
import { checkSubscribable, plainNameOf } from './patterns.ts';
import type { Payloads } from './payload.ts';

/** What a subscription is made of, checked. */
export interface SubscriptionSetup {
  readonly driver: MessagingDriver;
  /** A name, or a pattern. */
  readonly topic: string;
  readonly group: string;
  readonly payloads: Payloads;
  readonly schema: Topic['schema'] | undefined;
  readonly handler: Handler;
  readonly concurrency: number;
  readonly prefetch: number;
  readonly maxAttempts: number;
  /** For one try of the handler. */
  readonly timeoutMs: number;
  /** How long the broker may take to answer. */
  readonly brokerTimeoutMs: number;
  readonly time: Timing;
  /** How long to wait after the attempt with this number, in whole milliseconds. */
  readonly backoff: (attempt: number) => number;
  /** Where messages go that cannot be handled; undefined where they are dropped. */
  readonly deadLetter: SubscriptionSpec | undefined;
  readonly isTemporary: boolean;
  readonly hooks: Hooks | undefined;
  /** Where messages wait for their next try; undefined where the broker keeps them itself. */
  readonly retries: SubscriptionSpec | undefined;
}

/** The group of a topic of dead letters. */
export const DEAD_GROUP = 'dead';

/** The group of a topic of retries. */
export const RETRY_GROUP = 'retry';

/** The names of `SubscribeOptions`. */
export const SUBSCRIBE_OPTIONS = {
  group: true,
  concurrency: true,
  prefetch: true,
  maxAttempts: true,
  backoff: true,
  timeout: true,
  deadLetter: true,
  signal: true,
} as const;
const BACKOFF_OPTIONS = { base: true, max: true, jitter: true } as const;

/** What all subscriptions of a messaging have in common. */
export type SubscriptionHost = Pick<SubscriptionSetup, 'driver' | 'payloads' | 'brokerTimeoutMs' | 'time' | 'hooks'>;

/** @throws `messaging.invalid_options`; `messaging.unsupported` for a pattern where the driver takes none */
export function setupOf(
  host: SubscriptionHost,
  topic: string | Topic,
  options: SubscribeOptions,
  handler: Handler,
): SubscriptionSetup & { readonly deadLetter: SubscriptionSpec } {
  const { driver, time } = host;
  refuseUnknown(options, SUBSCRIBE_OPTIONS, 'subscribe', messagingErrors.invalid_options);
  refuseUnknown(options.backoff ?? {}, BACKOFF_OPTIONS, 'subscribe: backoff', messagingErrors.invalid_options);
  if (typeof handler !== 'function') throw messagingErrors.invalid_options('subscribe needs a handler, a function.');
  const name = checkSubscribable(driver, nameOf(topic));
  const group = checkName('group', options.group);
  const concurrency = countOption(options.concurrency ?? 1, 'concurrency', 1);
  const { base = 500, max = 60_000, jitter = 1 } = options.backoff ?? {};
  if (!(jitter >= 0 && jitter <= 1)) throw messagingErrors.invalid_options('"backoff.jitter" must be from 0 to 1.');
  const plan = { baseMs: durationOption(base, 'backoff.base'), maxMs: durationOption(max, 'backoff.max') };
  const backoff = exponentialBackoff({ ...plan, jitter, random: time.random });
  return {
    ...host,
    topic: name,
    group,
    schema: typeof topic === 'string' ? undefined : topic.schema,
    handler,
    concurrency,
    prefetch: countOption(options.prefetch ?? concurrency, 'prefetch', concurrency),
    maxAttempts: countOption(options.maxAttempts ?? 5, 'maxAttempts', 1),
    timeoutMs: durationOption(options.timeout ?? '60s', 'timeout'),
    backoff: (attempt) => Math.round(backoff(attempt)),
    deadLetter: {
      topic: checkName('dead letter topic', options.deadLetter ?? deadLetterTopicOf(name, group)),
      group: DEAD_GROUP,
    },
    isTemporary: false,
    retries: retriesOf(driver, name, group),
  };
}

export function deadLetterTopicOf(topic: string, group: string): string {
  return `${plainNameOf(topic)}.${group}.dead`;
}

/** Where the messages of a group wait for their next try; undefined where the broker keeps them itself. */
export function retriesOf(driver: MessagingDriver, topic: string, group: string): SubscriptionSpec | undefined {
  const { delayedRetry, countsAttempts } = driver.features;
  return delayedRetry && countsAttempts ? undefined : retryTopicOf(topic, group);
}

/**
 * Both names may have dots in them. A group that has some is followed by their number, or "a.b" with "c" would share a
 * topic with "a" and "b.c", and each would get the retries of the other.
 */
function retryTopicOf(topic: string, group: string): SubscriptionSpec {
  const dots = group.split('.').length - 1;
  const name = `${plainNameOf(topic)}.${group}.retry${dots === 0 ? '' : `-${dots}`}`;
  return { topic: checkName('retry topic', name), group: RETRY_GROUP };
}
