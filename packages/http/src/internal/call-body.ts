import { kindOf } from '@ent/internal';
import { httpErrors } from '../errors.ts';
import { jsonOf, pairsOf, recordOf, textOf } from './call-request.ts';
import { isSource, streamOf } from './call-stream.ts';

/** A body on its way out. */
export interface Outgoing {
  readonly body: NonNullable<RequestInit['body']>;
  readonly contentType: string | undefined;
  /** What the caller's own source threw, which is no fault of the connection. */
  readonly failure: () => { readonly error: unknown } | undefined;
}

/** What a call may send, unchecked. */
export interface SentParts {
  readonly body?: unknown;
  readonly form?: unknown;
  readonly multipart?: unknown;
  readonly contentType?: unknown;
}

/**
 * The body of a call, in the way that the part it is in says: JSON, a form, a form with files, or bytes of a type.
 *
 * @throws `http.invalid_options` for what cannot be sent
 */
export function bodyOf(call: SentParts, name: string): Outgoing | undefined {
  const { body, form, multipart, contentType } = call;
  const given = Object.entries({ body, form, multipart }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    throw httpErrors.invalid_options(`${name}: send one of ${given.map(([part]) => part).join(', ')}.`);
  }
  if (contentType !== undefined && (typeof contentType !== 'string' || body === undefined)) {
    throw httpErrors.invalid_options(`${name}: contentType must be the media type of the bytes in body.`);
  }
  if (form !== undefined) {
    // Spaces are "%20", which readers of forms take as well as "+".
    return whole(pairsOf(form, `${name}: form`), 'application/x-www-form-urlencoded');
  }
  if (multipart !== undefined) return multipartOf(multipart, name);
  if (body === undefined) return undefined;
  return contentType === undefined ? whole(jsonOf(body, name), 'application/json') : bytesOf(body, contentType, name);
}

function whole(body: Outgoing['body'], contentType: string | undefined): Outgoing {
  return { body, contentType, failure: () => undefined };
}

function bytesOf(body: unknown, contentType: string, name: string): Outgoing {
  if (typeof body === 'string' || body instanceof Uint8Array || body instanceof Blob) {
    return whole(body as Outgoing['body'], contentType);
  }
  if (!isSource(body)) {
    throw httpErrors.invalid_options(
      `${name}: with a contentType, body must be a text, bytes, a Blob or a stream of bytes; got ${kindOf(body)}.`,
    );
  }
  const { stream, failure } = streamOf([body], name);
  return { body: stream, contentType, failure };
}

/** Not FormData, which takes no stream; where there is none, the engine gets Blobs, and sends a length. */
function multipartOf(given: unknown, name: string): Outgoing {
  const boundary = `----ent${crypto.randomUUID()}`;
  const pieces: unknown[] = [];
  for (const [field, value] of Object.entries(recordOf(given, `${name}: multipart`))) {
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (each === undefined) continue;
      pieces.push(`--${boundary}\r\n`, ...partOf(field, each, `${name}: multipart.${field}`), '\r\n');
    }
  }
  pieces.push(`--${boundary}--\r\n`);
  const contentType = `multipart/form-data; boundary=${boundary}`;
  if (pieces.every((piece) => typeof piece === 'string' || piece instanceof Blob)) {
    return whole(new Blob(pieces), contentType);
  }
  const { stream, failure } = streamOf(pieces, name);
  return { body: stream, contentType, failure };
}

function partOf(field: string, value: unknown, what: string): unknown[] {
  const head = `content-disposition: form-data; name="${quoted(field, what)}"`;
  const file = fileOf(value);
  // WHATWG HTML, section 4.10.21.8: the lines of a value end with CR LF.
  if (file === undefined) return [`${head}\r\n\r\n${textOf(value, what).replace(/\r\n?|\n/g, '\r\n')}`];
  if (!isSource(file.stream)) {
    throw httpErrors.invalid_options(`${what}.stream must be bytes, a Blob or a stream of bytes.`);
  }
  if (!/^[^\r\n]+$/.test(file.type)) throw httpErrors.invalid_options(`${what}.contentType must be a media type.`);
  return [`${head}; filename="${quoted(file.filename, what)}"\r\ncontent-type: ${file.type}\r\n\r\n`, file.stream];
}

function fileOf(value: unknown): { stream: unknown; filename: string; type: string } | undefined {
  if (value instanceof Blob) {
    const filename = 'name' in value && typeof value.name === 'string' ? value.name : 'blob';
    return { stream: value, filename, type: value.type === '' ? OCTETS : value.type };
  }
  if (typeof value !== 'object' || value === null || !('stream' in value)) return undefined;
  const { stream, filename, contentType = OCTETS } = value as Record<string, unknown>;
  return { stream, filename: String(filename), type: String(contentType) };
}

const OCTETS = 'application/octet-stream';

function quoted(text: string, what: string): string {
  if (!text.isWellFormed()) throw httpErrors.invalid_options(`${what} has half a surrogate pair in its name.`);
  return text.replace(/\r\n?|\n/g, '%0D%0A').replaceAll('"', '%22');
}
