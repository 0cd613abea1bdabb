import { EntError } from '@ent/errors';
import type { WireMessage } from '../driver.ts';
import type { Arrival } from './retry.ts';
import type { SubscriptionSetup } from './setup.ts';
import type { Cause } from './unburied.ts';

/** What a dead letter's headers add: where it was meant for, and why it is dead. */
export const DEAD_LETTER_HEADERS = {
  topic: 'dead-letter-topic',
  group: 'dead-letter-group',
  attempts: 'dead-letter-attempts',
  reason: 'dead-letter-reason',
} as const;

/**
 * The message as it is kept for people to look at: the same id, the same bytes. The reason is the error's code or its
 * class, never its text, which can hold anything.
 */
export function deadLetterOf({ message }: Arrival, setup: SubscriptionSetup, cause: Cause): WireMessage {
  return {
    ...message,
    topic: setup.deadLetter.topic,
    headers: {
      ...message.headers,
      [DEAD_LETTER_HEADERS.topic]: setup.topic,
      [DEAD_LETTER_HEADERS.group]: setup.group,
      [DEAD_LETTER_HEADERS.attempts]: String(cause.attempts),
      [DEAD_LETTER_HEADERS.reason]: cause.reason,
    },
  };
}

/** Never throws, whatever was thrown: what is wrong with an error must not keep a message from being buried. */
export function reasonOf(error: unknown): string {
  try {
    if (EntError.is(error)) return error.code;
    const name: unknown = error instanceof Error ? error.name : typeof error;
    return typeof name === 'string' && /^[\w.-]{1,100}$/.test(name) ? name : 'Error';
  } catch {
    return 'Error';
  }
}
