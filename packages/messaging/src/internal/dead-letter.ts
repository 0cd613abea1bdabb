import { EntError } from '@ent/errors';
import type { SubscriptionSpec, WireMessage } from '../driver.ts';
import { isName } from '../message.ts';
import { isPattern, isWholePattern } from './patterns.ts';
import type { SubscriptionSetup } from './setup.ts';
import type { Cause } from './unburied.ts';

/** What a dead letter's headers add: where it was meant for, and why it is dead. */
export const DEAD_LETTER_HEADERS = {
  topic: 'dead-letter-topic',
  /** What its group had subscribed to, where that was a pattern. */
  pattern: 'dead-letter-pattern',
  group: 'dead-letter-group',
  attempts: 'dead-letter-attempts',
  reason: 'dead-letter-reason',
} as const;

/** A message that could not be handled, as it is kept. */
export interface DeadLetter {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string | undefined;
  /** When it was published. */
  readonly time: Date;
  /** Where it was published, and the group that could not handle it. Undefined for one that somebody else put there. */
  readonly topic: string | undefined;
  readonly group: string | undefined;
  /** What the group had subscribed to, where that was a pattern of topics. */
  readonly pattern: string | undefined;
  /** How often it was tried. */
  readonly attempts: number | undefined;
  /** The code or the class of the last error. */
  readonly reason: string | undefined;
  readonly contentType: string;
  /** Those that were published. */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes that were published. */
  readonly body: Uint8Array;
}

/**
 * The message as it is kept for people to look at: the same id, the same bytes. The reason is the error's code or its
 * class, never its text, which can hold anything.
 */
export function deadLetterOf(
  { message }: { readonly message: WireMessage },
  setup: SubscriptionSetup,
  to: SubscriptionSpec,
  cause: Cause,
): WireMessage {
  return {
    ...message,
    topic: to.topic,
    group: undefined,
    isInternal: true,
    headers: {
      ...message.headers,
      [DEAD_LETTER_HEADERS.topic]: isPattern(setup.topic) ? message.topic : setup.topic,
      ...(isPattern(setup.topic) && { [DEAD_LETTER_HEADERS.pattern]: setup.topic }),
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

/** What was published, for the group alone in which it died. Undefined for what somebody else has put there. */
export function originOf(letter: WireMessage): WireMessage | undefined {
  const { topic, group, pattern, headers } = letterOf(letter);
  if (!isName(topic) || !isName(group) || (pattern !== undefined && !isWholePattern(pattern))) return undefined;
  return { ...letter, topic, group, pattern, headers };
}

export function letterOf(letter: WireMessage): DeadLetter {
  const { id, type, source, subject, time, contentType, body } = letter;
  const {
    [DEAD_LETTER_HEADERS.topic]: topic,
    [DEAD_LETTER_HEADERS.pattern]: pattern,
    [DEAD_LETTER_HEADERS.group]: group,
    [DEAD_LETTER_HEADERS.attempts]: attempts,
    [DEAD_LETTER_HEADERS.reason]: reason,
    ...headers
  } = letter.headers;
  return {
    id,
    type,
    source,
    subject,
    time: new Date(time),
    topic,
    group,
    pattern,
    attempts: attempts === undefined ? undefined : Number(attempts),
    reason,
    contentType,
    headers,
    body,
  };
}
