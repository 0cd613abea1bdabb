import { Buffer, isUtf8 } from 'node:buffer';
import { isPromise } from 'node:util/types';
import type { Issue } from '@ent/errors';
import { jsonPointer } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import type { MessageSerializer } from '../serializer.ts';
import type { SchemaIssue, SchemaResult, StandardSchema } from '../schema.ts';

export const JSON_TYPE = 'application/json';
/** With parameters, or of a kind: what others publish. */
const ALSO_JSON = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

const MEDIA_TYPE = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/;
const STRUCTURED = /^application\/cloudevents/i;

/** How data is written, and who reads it again: by the content type that stands on the message. */
export class Payloads {
  readonly contentType: string;
  readonly #writer: MessageSerializer | undefined;
  readonly #readers: ReadonlyMap<string, MessageSerializer>;

  /** @throws `messaging.invalid_options` */
  constructor(writer: MessageSerializer | undefined, alsoRead: readonly MessageSerializer[] = []) {
    const given: unknown = alsoRead;
    if (!Array.isArray(given)) throw messagingErrors.invalid_options('"alsoRead" must be a list of serializers.');
    const all = [...alsoRead, ...(writer === undefined ? [] : [writer])];
    for (const each of all) demandSerializer(each);
    demandOneEach(all);
    this.#writer = writer;
    this.contentType = writer?.contentType ?? JSON_TYPE;
    this.#readers = new Map(all.map((each) => [each.contentType.toLowerCase(), each]));
  }

  /**
   * The data as bytes. It is written here and now: what the publisher does to its object later changes nothing.
   *
   * @throws `messaging.not_serializable`
   */
  encode(data: unknown, topic: string): Uint8Array {
    let written: unknown;
    try {
      written = this.#writer === undefined ? JSON.stringify(data) : this.#writer.serialize(data, topic);
    } catch (cause) {
      throw messagingErrors.not_serializable(`The data for "${topic}" cannot be written as ${this.contentType}.`, {
        cause,
      });
    }
    // Of the pool: an ArrayBuffer for each message would be most of what the collector has to do.
    if (this.#writer === undefined && typeof written === 'string') return Buffer.from(written);
    if (written instanceof Uint8Array) return written;
    ignore(written);
    throw messagingErrors.not_serializable(
      this.#writer === undefined
        ? `The data for "${topic}" is ${typeof data}, which JSON does not have.`
        : '"serialize" of a serializer must answer a Uint8Array, and no promise.',
    );
  }

  /** @throws `messaging.unknown_content_type`; `messaging.invalid_payload` for bytes that are not what they say */
  decode(body: Uint8Array, contentType: string, topic: string): unknown {
    const reader =
      this.#readers.size === 0 ? undefined : this.#readers.get(contentType.split(';', 1)[0]!.trim().toLowerCase());
    if (reader !== undefined) {
      let data: unknown;
      try {
        data = reader.deserialize(body, topic);
      } catch (cause) {
        throw messagingErrors.invalid_payload(`The body of the message is no ${reader.contentType}.`, { cause });
      }
      if (!isPromise(data)) return data;
      ignore(data);
      throw messagingErrors.invalid_payload(
        `"deserialize" of the serializer for ${reader.contentType} must answer data, and no promise.`,
      );
    }
    if (contentType === JSON_TYPE || isJson(contentType)) {
      try {
        if (!isUtf8(body)) throw new TypeError('The body is not UTF-8.');
        const bytes = body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
        return JSON.parse(bytes.toString());
      } catch (cause) {
        throw messagingErrors.invalid_payload('The body of the message is not JSON.', { cause });
      }
    }
    const known = [JSON_TYPE, ...this.#readers.keys()].join(', ');
    throw messagingErrors.unknown_content_type(
      `The message has the content type ${JSON.stringify(contentType.slice(0, 200))}; read are: ${known}.`,
    );
  }
}

/** Data of the core itself, such as what a requester is told of a failure. */
export const PLAIN = new Payloads(undefined);

export function isJson(contentType: string): boolean {
  return contentType === JSON_TYPE || ALSO_JSON.test(contentType);
}

/** A promise that nobody waits for ends the process when it rejects. */
function ignore(value: unknown): void {
  if (isPromise(value)) value.catch(() => {});
}

/** JavaScript gives anything. */
function demandSerializer(serializer: unknown): void {
  const { contentType, serialize, deserialize } = (serializer ?? {}) as Partial<Record<string, unknown>>;
  if (typeof serialize !== 'function' || typeof deserialize !== 'function') {
    throw messagingErrors.invalid_options('A serializer has the functions serialize and deserialize.');
  }
  if (typeof contentType === 'string' && MEDIA_TYPE.test(contentType) && !STRUCTURED.test(contentType)) return;
  throw messagingErrors.invalid_options(
    'A serializer has a "contentType", a media type without parameters that is not that of CloudEvents: "application/msgpack".',
  );
}

/** Two of one content type: the bytes of one would be given to the other. */
function demandOneEach(serializers: readonly MessageSerializer[]): void {
  const known = new Map<string, MessageSerializer>();
  for (const each of serializers) {
    const type = each.contentType.toLowerCase();
    if ((known.get(type) ?? each) !== each) {
      throw messagingErrors.invalid_options(
        `Two serializers have the content type "${type}"; each needs one of its own.`,
      );
    }
    known.set(type, each);
  }
}

/**
 * The data as the schema answers it; a promise of it where the schema takes its time.
 *
 * @throws `messaging.invalid_payload` with `issues`
 */
export function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  data: unknown,
  topic: string,
): Output | Promise<Output> {
  const result = schema['~standard'].validate(data);
  return result instanceof Promise ? result.then((later) => valueOf(later, topic)) : valueOf(result, topic);
}

function valueOf<Output>(result: SchemaResult<Output>, topic: string): Output {
  if (result.issues === undefined) return result.value;
  throw messagingErrors.invalid_payload(`The data does not fit the schema of "${topic}".`, {
    issues: result.issues.map(toIssue),
  });
}

function toIssue(issue: SchemaIssue): Issue {
  const keys = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part));
  return { pointer: jsonPointer(keys), code: 'invalid', detail: issue.message };
}
