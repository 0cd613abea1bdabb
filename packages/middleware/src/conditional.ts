import { hash } from 'node:crypto';
import { kindOf, refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import type { Exchange, Reply } from './exchange.ts';
import { demandExchange } from './internal/demand.ts';
import { plainTag } from './internal/tag-marks.ts';

/**
 * A strong entity tag for a version: a version number, an update time, or the bytes themselves. It is a hash in quotes
 * and not the version in quotes, so that any text fits and nothing of it shows. A client takes it from an answer.
 *
 * @example
 * ```ts
 * import { entityTag } from '@ent/middleware';
 *
 * console.log(entityTag('7')); // "eQJpm-Qsio5G-7tFAXJlF-hrIsV", as long whatever the version
 * ```
 */
export function entityTag(version: string | Uint8Array): string {
  if (typeof version !== 'string' && !(version instanceof Uint8Array)) {
    throw middlewareErrors.invalid_options('entityTag: the version must be a text or bytes.');
  }
  return `"${hash('sha256', version, 'base64url').slice(0, 27)}"`;
}

/**
 * Whether the client already has `tag`: then a GET or HEAD answers 304 (RFC 9110, section 13.1.2, weak comparison).
 * Always `false` for other methods. {@link notModified} makes the 304.
 *
 * ```ts
 * import { entityTag, type Exchange, ifNoneMatch, notModified, type Reply } from '@ent/middleware';
 *
 * export function answer(exchange: Exchange, note: { text: string; version: number }): Reply {
 *   const etag = entityTag(`${note.version}`);
 *   const reply = { status: 200, headers: { etag }, body: note.text };
 *   return ifNoneMatch(exchange, etag) ? notModified(reply) : reply;
 * }
 * ```
 *
 * @throws `middleware.invalid_options` for what is no exchange or no tag
 */
export function ifNoneMatch(exchange: Exchange, tag: string): boolean {
  demandExchange(exchange, 'ifNoneMatch');
  demandTag(tag, 'ifNoneMatch');
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') return false;
  const header = exchange.header('if-none-match');
  if (header === undefined) return false;
  return header.trim() === '*' || tagsOf(header).some((sent) => isTag(opaque(sent), opaque(tag)));
}

// What is said of the body goes with the body.
const OF_THE_BODY = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'content-language',
  'content-range',
  'transfer-encoding',
]);

/**
 * The 304 in the place of a reply that the client already has: its headers, but those of the body.
 *
 * A browser puts the headers of a 304 in the place of those that it keeps (RFC 9111, section 3.2). One
 * that comes with another Content-Security-Policy than its 200 changes the page, and
 * `securityHeaders()` gives its own to an answer without one.
 *
 * @example
 * ```ts
 * import { entityTag, notModified } from '@ent/middleware';
 *
 * const headers = { etag: entityTag('1'), 'content-type': 'text/html' };
 * const page = { status: 200, headers, body: '<!doctype html>' };
 * console.log(notModified(page)); // { status: 304, headers: { etag: '"..."' } }
 * ```
 * @throws `middleware.invalid_options` for what is no reply
 */
export function notModified(reply: Reply): Reply {
  if (typeof reply !== 'object' || (reply as Reply | null) === null) {
    throw middlewareErrors.invalid_options(`notModified takes a reply; got ${kindOf(reply)}.`);
  }
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(reply.headers ?? {})) {
    if (!OF_THE_BODY.has(name.toLowerCase())) headers[name] = value;
  }
  return { status: 304, headers };
}

/** Of {@link requireMatch}. */
export interface RequireMatchOptions {
  /** Refuses a request without `If-Match`, with 428. Default: false. */
  readonly required?: boolean | undefined;
}

/**
 * Refuses a write on a stale copy: call it with the tag of what is stored, before the write (RFC 9110, section 13.1.1,
 * strong comparison). A request without `If-Match` passes, unless `required` refuses it (428, RFC 6585).
 *
 * ```ts
 * import { entityTag, type Exchange, requireMatch } from '@ent/middleware';
 *
 * export function rename(exchange: Exchange, note: { name: string; version: number }, name: string): void {
 *   requireMatch(exchange, entityTag(`${note.version}`), { required: true });
 *   Object.assign(note, { name, version: note.version + 1 });
 * }
 * ```
 *
 * @param tag `undefined` when there is nothing stored
 * @throws `middleware.precondition_failed` (412) for another version; `middleware.precondition_required` (428) where
 *   `If-Match` is required and absent; `middleware.invalid_options` for what is no exchange, no tag or no option
 */
export function requireMatch(exchange: Exchange, tag: string | undefined, options: RequireMatchOptions = {}): void {
  demandExchange(exchange, 'requireMatch');
  if (tag !== undefined) demandTag(tag, 'requireMatch');
  const required = requiredOf(options);
  const header = exchange.header('if-match');
  if (header === undefined) {
    if (!required) return;
    throw middlewareErrors.precondition_required('Send the ETag of what you have read in If-Match.');
  }
  const holds =
    tag !== undefined &&
    (header.trim() === '*' || tagsOf(header).some((sent) => isTag(sent, tag) && !sent.startsWith('W/')));
  if (!holds) throw middlewareErrors.precondition_failed('It was changed since you read it: read it again.');
}

function requiredOf(options: RequireMatchOptions): boolean {
  refuseUnknown(options, { required: true }, 'requireMatch', middlewareErrors.invalid_options);
  const { required = false } = options;
  if (typeof required === 'boolean') return required;
  throw middlewareErrors.invalid_options(`requireMatch: required must be a boolean; got ${kindOf(required)}.`);
}

function demandTag(tag: unknown, what: string): void {
  if (typeof tag === 'string') return;
  throw middlewareErrors.invalid_options(`${what} takes an entity tag, such as entityTag() makes; got ${kindOf(tag)}.`);
}

// entity-tag of RFC 9110, section 8.8.3. What is not one is skipped, so a garbled list matches nothing.
const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

function tagsOf(header: string): string[] {
  return header.match(TAG) ?? [];
}

/** Whether a tag that was sent is this one, of the bytes as they are or in a coding of `compression()`. */
function isTag(sent: string, tag: string): boolean {
  return sent === tag || plainTag(sent) === tag;
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}
