import { randomUUID } from 'node:crypto';
import { currentContext } from '@ent/internal';
import type { MessagingDriver, WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { checkName, HEADERS, nameOf, type Topic } from '../message.ts';
import type { Clock, PublishOptions } from '../options.ts';
import { durationOption } from './checks.ts';
import { toStructured } from './cloud-events.ts';
import { type Payloads, validate } from './payload.ts';
import { RETRY_PREFIX } from './retry.ts';

/** What may be said about a message beside its data, wherever it is published. */
export type About = Omit<PublishOptions, 'signal' | 'mandatory' | 'key'> & { readonly key?: string | undefined };

/** The names of {@link About}. */
export const ABOUT = {
  id: true,
  type: true,
  subject: true,
  headers: true,
  correlationId: true,
  key: true,
  delay: true,
  ttl: true,
} as const;

const HEADER = /^[a-z0-9][a-z0-9-]{0,99}$/;
const VALUE = /^[\x20-\x7e]{0,4096}$/;
/** Attributes of CloudEvents: any text but control characters. */
const ATTRIBUTE = /^\P{Cc}{1,1024}$/u;
const DIGIT = /^\d$/;
const KEY = /^\P{Cc}{1,180}$/u;

/** Who makes messages. */
export interface Origin {
  readonly source: string;
  readonly payloads: Payloads;
  readonly clock: Clock;
  /** Who is to send them and takes messages up to a length; undefined where that is not known yet. */
  readonly driver?: MessagingDriver | undefined;
  /** Of CloudEvents. Default: binary. */
  readonly mode?: 'binary' | 'structured' | undefined;
}

/**
 * A message as it will travel; a promise of it only where a schema takes its time.
 *
 * @throws `messaging.invalid_options`, `messaging.not_serializable`, `messaging.invalid_payload`, `messaging.too_large`
 */
export function prepareMessage(
  topic: string | Topic,
  data: unknown,
  about: About,
  { source, payloads, clock, driver, mode }: Origin,
): WireMessage | Promise<WireMessage> {
  const name = checkName('topic', nameOf(topic));
  const body = payloads.encode(data, name);
  const id = about.id === undefined ? randomUUID() : checkId(about.id);
  const plain: WireMessage = {
    id,
    topic: name,
    type: about.type === undefined ? name : checkAttribute('type', about.type),
    source,
    subject: about.subject === undefined ? undefined : checkAttribute('subject', about.subject),
    time: clock.now(),
    contentType: payloads.contentType,
    headers: headersOf(about, id, clock.now(), driver),
    body,
  };
  const message = mode === 'structured' ? toStructured(plain) : plain;
  if (driver !== undefined) checkLength(driver, name, message.body);
  if (typeof topic === 'string') return message;
  // What the consumers will read is checked, not what was handed in: a Date, for example, is a string by then.
  const checked = validate(topic.schema, payloads.decode(body, payloads.contentType, name), name);
  return checked instanceof Promise ? checked.then(() => message) : message;
}

/** @throws `messaging.too_large` */
export function checkLength({ name, features }: MessagingDriver, topic: string, { byteLength }: Uint8Array): void {
  const limit = features.maxMessageBytes;
  if (limit === null || byteLength <= limit) return;
  throw messagingErrors.too_large(`The message for "${topic}" has ${byteLength} bytes; ${name} takes ${limit}.`);
}

function checkKey(key: unknown): string {
  if (typeof key === 'string' && KEY.test(key) && key.isWellFormed()) return key;
  throw messagingErrors.invalid_options('"key" must be text of 1 to 180 characters without control characters.');
}

function checkId(id: unknown): string {
  if (typeof id === 'string' && id !== '' && VALUE.test(id)) return id;
  throw messagingErrors.invalid_options('"id" must be printable text.');
}

/** An attribute that every broker carries as it is. */
export function checkAttribute(name: string, value: string): string {
  if (typeof value === 'string' && ATTRIBUTE.test(value) && value.isWellFormed()) return value;
  throw messagingErrors.invalid_options(`"${name}" must be text of 1 to 1024 characters without control characters.`);
}

function headersOf(item: About, id: string, now: number, driver: MessagingDriver | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(item.headers ?? {})) {
    if (!HEADER.test(name) || typeof value !== 'string' || !VALUE.test(value)) {
      throw messagingErrors.invalid_options(
        `The header ${JSON.stringify(name)} is not one: names in lower case with "-", values of printable ASCII, at most 4096.`,
      );
    }
    if (name.startsWith(RETRY_PREFIX)) {
      throw messagingErrors.invalid_options(`Headers that begin with "${RETRY_PREFIX}" are set by retries alone.`);
    }
    // Said so, it is a priority all the same.
    if (name === HEADERS.priority) checkPriority(DIGIT.test(value) ? Number(value) : Number.NaN, driver);
    headers[name] = value;
  }
  const context = currentContext();
  const correlationId = item.correlationId ?? text(context?.correlationId) ?? text(context?.requestId) ?? id;
  if (correlationId !== id && !VALUE.test(correlationId))
    throw messagingErrors.invalid_options('"correlationId" must be printable text.');
  headers[HEADERS.correlationId] = correlationId;
  const causationId = text(context?.messageId);
  if (causationId !== undefined) headers[HEADERS.causationId] = causationId;
  const { key, delay, ttl, priority } = item;
  if (key !== undefined) headers[HEADERS.key] = checkKey(key);
  if (delay !== undefined) headers[HEADERS.deliverAt] = String(Math.ceil(now + durationOption(delay, 'delay')));
  if (priority !== undefined) headers[HEADERS.priority] = String(checkPriority(priority, driver));
  if (ttl !== undefined) headers[HEADERS.expiresAt] = String(Math.ceil(now + durationOption(ttl, 'ttl')));
  return headers;
}

function checkPriority(priority: number, driver: MessagingDriver | undefined): number {
  if (!Number.isInteger(priority) || priority < 0 || priority > 9) {
    throw messagingErrors.invalid_options('"priority" must be a whole number from 0 to 9.');
  }
  if (driver?.features.priority) return priority;
  throw messagingErrors.unsupported(`${driver?.name ?? 'The driver'} delivers nothing by its priority.`);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && VALUE.test(value) ? value : undefined;
}
