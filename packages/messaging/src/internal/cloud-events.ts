/**
 * CloudEvents 1.0 in structured mode: one JSON text with the attributes of an event and its data, of the media type
 * `application/cloudevents+json` (CloudEvents JSON format, version 1.0.2). In binary mode, which is the other one, the
 * attributes stand beside the data, and each driver has its place for them.
 */
import { Buffer } from 'node:buffer';
import type { WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import { HEADERS } from '../message.ts';
import { isJson, JSON_TYPE } from './payload.ts';

const STRUCTURED_TYPE = 'application/cloudevents+json';

/** Headers of ours that CloudEvents knows as extensions, by their names there. Those of others are not events'. */
const EXTENSIONS = {
  partitionkey: HEADERS.key,
  traceparent: 'traceparent',
  tracestate: 'tracestate',
} as const;
const PAIRS = Object.entries(EXTENSIONS);

/** The attributes that a message has by itself; all others of an event are extensions. */
export const ATTRIBUTES = [
  'specversion',
  'id',
  'type',
  'source',
  'subject',
  'time',
  'datacontenttype',
  'dataschema',
] as const;
const OWN: ReadonlySet<string> = new Set(ATTRIBUTES);

/** The extensions among the headers of a message. */
export function extensionsOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, header] of PAIRS) {
    if (headers[header] !== undefined) found[name] = headers[header];
  }
  return found;
}

/** The header of an extension attribute. */
export function headerOf(extension: string): string {
  return Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension as keyof typeof EXTENSIONS] : extension;
}

/** The message with its event as the body; its attributes and headers stay beside it. */
export function toStructured(message: WireMessage): WireMessage {
  const { id, type, source, subject, time, contentType, headers, body } = message;
  const event = {
    specversion: '1.0',
    id,
    type,
    source,
    ...(subject !== undefined && { subject }),
    time: new Date(time).toISOString(),
    datacontenttype: contentType,
    ...extensionsOf(headers),
  };
  const open = JSON.stringify(event).slice(0, -1);
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  // Data that is JSON already stays as it was written.
  const data = isJson(contentType) ? `"data":${bytes.toString()}` : `"data_base64":"${bytes.toString('base64')}"`;
  const text = `${open},${data}}`;
  return { ...message, contentType: STRUCTURED_TYPE, body: Buffer.from(text) };
}

export function isStructured(contentType: string): boolean {
  // Parameters may follow; the media type does not differ by case.
  return /^application\/cloudevents\+json\s*(?:;|$)/i.test(contentType);
}

/**
 * The message that an event is about: its attributes are the event's.
 *
 * @throws `messaging.invalid_payload` for what is no event
 */
export function fromStructured(message: WireMessage): WireMessage {
  const event = eventIn(message.body);
  const { data_base64: base64, data = null, ...attributes } = event;
  const text = (name: string): string | undefined =>
    typeof attributes[name] === 'string' ? attributes[name] : undefined;
  const [id, type, source] = [text('id'), text('type'), text('source')];
  if (text('specversion') !== '1.0' || id === undefined || type === undefined || source === undefined) {
    throw messagingErrors.invalid_payload(
      'The message is no CloudEvent 1.0: it lacks specversion, id, type or source.',
    );
  }
  const headers: Record<string, string> = { ...message.headers };
  for (const [name, value] of Object.entries(attributes)) {
    const isText = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    if (!OWN.has(name) && isText) headers[headerOf(name)] ??= String(value);
  }
  const time = Date.parse(text('time') ?? '');
  return {
    ...message,
    id,
    type,
    source,
    subject: text('subject'),
    time: Number.isNaN(time) ? message.time : time,
    contentType: text('datacontenttype') ?? JSON_TYPE,
    headers,
    body: typeof base64 === 'string' ? Buffer.from(base64, 'base64') : Buffer.from(JSON.stringify(data)),
  };
}

function eventIn(body: Uint8Array): Record<string, unknown> {
  try {
    const event: unknown = JSON.parse(Buffer.from(body).toString());
    if (typeof event === 'object' && event !== null && !Array.isArray(event)) return event as Record<string, unknown>;
  } catch {
    // It is told below.
  }
  throw messagingErrors.invalid_payload('The message says that it is a CloudEvent, and is no JSON object.');
}
