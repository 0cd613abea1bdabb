/** How a message stands in a stream: two fields, `meta` with its attributes as JSON, and `body`. */
import { isUtf8 } from 'node:buffer';
import type { WireMessage } from '../../driver.ts';
import { headerOf } from '../../internal/cloud-events.ts';

/** An entry as Redis answers it: its id, and names and values in turn. */
export type Entry = readonly [id: Buffer, fields: readonly Buffer[]];

/** So long may a body be to travel as text. */
const TEXT_BYTES = 65_536;

/**
 * The fields of a message, copied: who sent it may change it. Bytes that are text are text here: node-redis joins
 * texts, and writes each piece of bytes by itself, which costs more than all else.
 */
export function fieldsOf(message: WireMessage): { meta: string; body: string | Buffer } {
  const { id, group, type, source, subject, time, contentType, headers, body } = message;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return {
    meta: JSON.stringify({ id, group, type, source, subject, time, contentType, headers }),
    body: bytes.length <= TEXT_BYTES && isUtf8(bytes) ? bytes.toString() : Buffer.from(bytes),
  };
}

/**
 * The message of an entry. One that somebody else has added has no attributes, or others: it comes as a message all the
 * same, with its field `body`, or with all its fields as JSON. Whoever does not expect it can bury it. A CloudEvent has
 * the names of the HTTP binding: `ce-id`, `ce-type` and so on beside `body`, or `content-type` where it is structured.
 */
export function messageOf(topic: string, [id, fields]: Entry): WireMessage {
  const [name, meta, , body] = fields;
  if (fields.length === 4 && name!.toString() === 'meta') {
    const attributes = attributesIn(meta!);
    if (attributes !== undefined) return { ...attributes, subject: attributes.subject, topic, body: body! };
  }
  const named = Object.create(null) as Record<string, string>;
  for (let at = 0; at + 1 < fields.length; at += 2) named[fields[at]!.toString()] = fields[at + 1]!.toString();
  const time = Date.parse(named['ce-time'] ?? '');
  const headers: Record<string, string> = {};
  for (const [field, value] of Object.entries(named)) {
    const [, extension] = EXTENSION.exec(field) ?? [];
    if (extension !== undefined) headers[headerOf(extension)] = value;
  }
  return {
    id: named['ce-id'] ?? id.toString(),
    topic,
    type: named['ce-type'] ?? topic,
    source: named['ce-source'] ?? 'unknown',
    subject: named['ce-subject'],
    time: Number.isNaN(time) ? Number.parseInt(id.toString(), 10) : time,
    contentType: named['content-type'] ?? 'application/json',
    headers,
    body: Buffer.from(named.body ?? JSON.stringify(named)),
  };
}

/** Of an attribute that no message has by itself. */
const EXTENSION = /^ce-(?!(?:specversion|id|type|source|subject|time|dataschema)$)([a-z0-9]+)$/;

function attributesIn(meta: Buffer): WireMessage | undefined {
  try {
    const read = JSON.parse(meta.toString()) as WireMessage | null;
    return typeof read?.id === 'string' && typeof read.headers === 'object' ? read : undefined;
  } catch {
    return undefined;
  }
}
