import { EntError } from '@ent/errors';
import type { SubscriptionSpec, WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
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
  /** When it died, as an ISO date. */
  at: 'dead-letter-at',
  /** Of data that does not fit its schema: JSON pointers in the form of URI fragments, with spaces between them. */
  fields: 'dead-letter-fields',
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
  /**
   * The code or the class of the last error. Its text is in the log of who handled the message, and not here, since it
   * can hold anything.
   */
  readonly reason: string | undefined;
  /** When it died. Undefined for a letter that does not tell. */
  readonly diedAt: Date | undefined;
  /** Where it does not fit its schema, as in `#/user/name`: ten at most, never a value. Else undefined. */
  readonly fields: readonly string[] | undefined;
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
      ...(cause.at !== undefined && { [DEAD_LETTER_HEADERS.at]: new Date(cause.at).toISOString() }),
      ...(cause.fields !== undefined && { [DEAD_LETTER_HEADERS.fields]: cause.fields }),
    },
  };
}

/** Never throws, whatever was thrown: what is wrong with an error must not keep a message from being buried. */
export function reasonOf(error: unknown): string {
  try {
    if (EntError.is(error)) return error.code;
    const code: unknown = error instanceof Error ? (error as { readonly code?: unknown }).code : undefined;
    if (isWord(code)) return code;
    const name: unknown = error instanceof Error ? error.name : typeof error;
    return isWord(name) ? name : 'Error';
  } catch {
    return 'Error';
  }
}

function isWord(text: unknown): text is string {
  return typeof text === 'string' && /^[\w.-]{1,100}$/.test(text);
}

/** Printable, and without the space that stands between two of them. */
const POINTER = /^[\x21-\x7e]+$/;
const MOST_FIELDS = 10;
const MOST_CHARACTERS = 1000;

/** Which fields of the data do not fit, for a header; undefined where that is not why. Never throws. */
export function fieldsOf(error: unknown): string | undefined {
  try {
    if (!EntError.is(error) || error.code !== messagingErrors.invalid_payload.code) return undefined;
    const pointers = (error.issues ?? [])
      .map(({ pointer }) => pointer)
      .filter((pointer) => POINTER.test(pointer ?? ''));
    const fields = [...new Set(pointers)].slice(0, MOST_FIELDS);
    while (fields.join(' ').length > MOST_CHARACTERS) fields.pop();
    return fields.length === 0 ? undefined : fields.join(' ');
  } catch {
    return undefined;
  }
}

function dateIn(header: string | undefined): Date | undefined {
  const date = new Date(header ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
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
    [DEAD_LETTER_HEADERS.at]: at,
    [DEAD_LETTER_HEADERS.fields]: fields,
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
    diedAt: dateIn(at),
    fields: fields?.split(' '),
    contentType,
    headers,
    body,
  };
}
