/**
 * A message as AMQP carries it: CloudEvents 1.0 in binary mode of its AMQP binding, so that the attributes are headers
 * whose names begin with "cloudEvents:", and the body is the data. No header of a publisher has a colon.
 */
import type { ConsumeMessage, Options } from 'amqplib';
import type { SubscriptionSpec, WireMessage } from '../../driver.ts';
import { ATTRIBUTES, extensionsOf, headerOf } from '../../internal/cloud-events.ts';
import { isPattern } from '../../internal/patterns.ts';
import { JSON_TYPE } from '../../internal/payload.ts';
import { priorityOf } from '../../message.ts';
import { RabbitmqError } from './failures.ts';

/** Tells which message came back because no queue wanted it. */
export const SEQUENCE = 'ent:seq';
/** The headers travel in one frame, of 128 KiB where both sides keep their defaults. */
const MOST_HEADER_BYTES = 120_000;

/** Tells the topic of a message that comes to the queue of a pattern without an exchange: to one group alone. */
const TOPIC = 'ent:topic';

/** Of what was kept back: so much of its delay is left, in milliseconds. */
export const LEFT = 'ent:left';

/** What a topic, or a pattern, is for the exchange of all topics. */
export const routeOf = (topic: string): string => `topic.${topic}`;

/** The queue of a group. */
export const queueOf = ({ topic, group }: SubscriptionSpec): string => `${topic}/${group}`;

export interface Parcel {
  /** The exchange of a topic; none, the default exchange, for the queue of one group. */
  readonly topic: string;
  /** The queue of one group; else what patterns look at. */
  readonly route: string;
  readonly delayMs: number | undefined;
  readonly body: Buffer;
  readonly headers: Record<string, unknown>;
  readonly options: Options.Publish;
}

/** A copy: what the sender does to its bytes later changes nothing. */
export function parcelOf({
  id,
  topic,
  group,
  pattern,
  isInternal,
  delayMs,
  type,
  source,
  subject,
  time,
  contentType,
  headers: own,
  body,
}: WireMessage): Parcel {
  const headers: Record<string, unknown> = {
    ...own,
    'cloudEvents:specversion': '1.0',
    'cloudEvents:id': id,
    'cloudEvents:type': type,
    'cloudEvents:source': source,
    'cloudEvents:time': new Date(time).toISOString(),
    ...(subject !== undefined && { 'cloudEvents:subject': subject }),
  };
  for (const [name, value] of Object.entries(extensionsOf(own))) headers[`cloudEvents:${name}`] = value;
  const priority = priorityOf({ headers: own });
  const options = { headers, contentType, mandatory: true, persistent: true, ...(priority > 0 && { priority }) };
  if (pattern !== undefined) headers[TOPIC] = topic;
  const to =
    group === undefined
      ? { topic, route: isInternal ? '' : routeOf(topic) }
      : { topic: '', route: queueOf({ topic: pattern ?? topic, group }) };
  return { ...to, delayMs, body: Buffer.from(body), headers, options };
}

/** @throws where the headers do not fit: the broker would close the connection, with all that is under way */
export function checkHeaders({ headers }: Parcel): void {
  let bytes = 0;
  // At most: a unit of text takes three bytes in UTF-8, or less.
  for (const name in headers) bytes += name.length + 3 * String(headers[name]).length;
  if (bytes <= MOST_HEADER_BYTES) return;
  bytes = 0;
  for (const name in headers) bytes += name.length + Buffer.byteLength(String(headers[name]));
  if (bytes > MOST_HEADER_BYTES)
    throw new RabbitmqError('refused', 'The headers have more bytes than a frame of AMQP.');
}

/** Of any publisher: what it did not say is filled in. */
export function messageOf(topic: string, { properties, content }: ConsumeMessage): WireMessage {
  // Undefined, and not {}, for a publisher that set none.
  const given = (properties.headers ?? {}) as Record<string, unknown>;
  const attributes: { [Name in Attribute]?: string | undefined } = {};
  const headers: Record<string, string> = {};
  for (const name in given) {
    const value = given[name];
    const attribute = OWN.get(name);
    if (attribute !== undefined) {
      // Who has both means the one with the colon.
      if (name[SEPARATOR_AT] === ':' || attributes[attribute] === undefined) attributes[attribute] = textOf(value);
      continue;
    }
    const [, extension] = (name.startsWith('cloudEvents') && EXTENSION.exec(name)) || [];
    const text = isOurs(name) ? undefined : textOf(value);
    // As a header it is the publisher's own, and goes before the same as an attribute.
    if (extension !== undefined) headers[headerOf(extension)] ??= textOf(value) ?? '';
    else if (text !== undefined) headers[name] = text;
  }
  const { messageId, timestamp, contentType } = properties as { [K in keyof typeof properties]: unknown };
  return {
    id: attributes.id ?? textOf(messageId) ?? 'unknown',
    topic,
    type: attributes.type ?? topic,
    source: attributes.source ?? 'unknown',
    subject: attributes.subject,
    time: timeOf(attributes.time, timestamp),
    contentType: textOf(contentType) ?? JSON_TYPE,
    headers,
    body: content,
  };
}

/** Where a message was published that came for a topic or a pattern. */
export function topicOf(subscribed: string, { fields, properties }: ConsumeMessage): string {
  if (!isPattern(subscribed)) return subscribed;
  const told: unknown = properties.headers?.[TOPIC];
  if (fields.exchange !== '') return fields.exchange;
  return typeof told === 'string' ? told : subscribed;
}

/** How often a quorum queue took it back, for whatever reason; 0 where nothing is said, as by a classic queue. */
export function returnsOf({ properties }: ConsumeMessage): number {
  const count: unknown = properties.headers?.['x-delivery-count'];
  return typeof count === 'number' ? count : 0;
}

/** What is left of its delay; undefined where it had none. */
export function leftOf({ properties }: ConsumeMessage): number | undefined {
  const left: unknown = properties.headers?.[LEFT];
  return typeof left === 'number' ? left : undefined;
}

/** The broker's own. */
const BROKERS = /^x-(?:death|delivery-count|acquired-count|(?:first|last)-death-(?:exchange|queue|reason))$/;

/** An attribute of an event, by either separator of its AMQP binding. */
const EXTENSION = /^cloudEvents[:_]([a-z0-9]+)$/;
const SEPARATOR_AT = 'cloudEvents'.length;

type Attribute = (typeof ATTRIBUTES)[number];

/** Those that are no extensions, by their headers. */
const OWN: ReadonlyMap<string, Attribute> = new Map(
  ATTRIBUTES.flatMap((name) => [
    [`cloudEvents:${name}`, name],
    [`cloudEvents_${name}`, name],
  ]),
);

/** The broker's own, those of CloudEvents, and ours. */
function isOurs(name: string): boolean {
  if (name.startsWith('x-')) return BROKERS.test(name);
  return name.startsWith('cloudEvents') || name === SEQUENCE || name === TOPIC || name === LEFT;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function timeOf(text: string | undefined, timestamp: unknown): number {
  const time = text === undefined ? Number.NaN : Date.parse(text);
  if (!Number.isNaN(time)) return time;
  // Seconds, by AMQP.
  return typeof timestamp === 'number' && Math.abs(timestamp) < 8.64e12 ? timestamp * 1000 : 0;
}
