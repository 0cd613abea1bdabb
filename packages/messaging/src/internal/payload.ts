import { Buffer, isUtf8 } from 'node:buffer';
import type { Issue } from '@ent/errors';
import { type Awaitable, jsonPointer } from '@ent/internal';
import { messagingErrors } from '../errors.ts';
import type { SchemaIssue, SchemaResult, StandardSchema } from '../schema.ts';

export const JSON_TYPE = 'application/json';
/** With parameters, or of a kind: what others publish. */
const ALSO_JSON = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** The data as bytes. It is written here and now: what the publisher does to its object later changes nothing. */
export function encode(data: unknown, topic: string): Uint8Array {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (cause) {
    throw messagingErrors.not_serializable(`The data for "${topic}" cannot be written as JSON.`, { cause });
  }
  if (text === undefined) {
    throw messagingErrors.not_serializable(`The data for "${topic}" is ${typeof data}, which JSON does not have.`);
  }
  // Of the pool: an ArrayBuffer for each message would be most of what the collector has to do.
  return Buffer.from(text);
}

/** @throws `messaging.invalid_payload` for bytes that are no JSON */
export function decode(body: Uint8Array, contentType: string): unknown {
  if (contentType !== JSON_TYPE && !ALSO_JSON.test(contentType)) {
    throw messagingErrors.invalid_payload(
      `The message has the content type ${JSON.stringify(contentType)}; ${JSON_TYPE} is read.`,
    );
  }
  try {
    if (!isUtf8(body)) throw new TypeError('The body is not UTF-8.');
    const bytes = body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw messagingErrors.invalid_payload('The body of the message is not JSON.', { cause });
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
): Awaitable<Output> {
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
