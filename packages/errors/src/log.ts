import { hasBrand } from './internal/brand.ts';
import { asCode, asIssues, asRetryAfterMs, asRetryable, asStatus, asText, membersOf } from './internal/members.ts';
import { causeOf, messageOf, partsOf } from './internal/nested.ts';
import { bounded, MAX_TEXT, plainRecord, read, textOf } from './internal/safe.ts';
import type { ErrorRecord } from './options.ts';

const MAX_DEPTH = 8;
const MAX_RECORDS = 50;
const MAX_STACK = 16_384;
/** Characters of all messages and stacks together; what comes after them is cut short. */
const MAX_ROOM = 131_072;
const SHORT = 256;

type Draft = { -readonly [K in keyof ErrorRecord]: ErrorRecord[K] };

interface Walk {
  readonly seen: Set<unknown>;
  room: number;
}

/**
 * Anything that was thrown, as a log record: errors of this package with all they know, others with
 * name, message, code and stack, both with their causes, the members of an `AggregateError` and
 * both errors of a `SuppressedError`. Never throws.
 */
export function toErrorRecord(value: unknown): ErrorRecord {
  return recordOf(value, 0, { seen: new Set(), room: MAX_ROOM });
}

function recordOf(value: unknown, depth: number, walk: Walk): ErrorRecord {
  if (typeof value !== 'object' || value === null) return { name: typeof value, message: textOf(value) };
  const name = nameOf(value);
  // A cycle, or one error in two places of a tree.
  if (walk.seen.has(value)) return { name, message: '[listed above]' };
  walk.seen.add(value);
  const message = bounded(messageOf(value), walk.room > 0 ? MAX_TEXT : SHORT);
  const record: Draft = { name, message };
  const stack = walk.room > 0 ? stackOf(value, message) : undefined;
  if (stack !== undefined) record.stack = stack;
  walk.room -= message.length + (stack?.length ?? 0);
  if (hasBrand(value, 'EntError')) addMembers(record, value);
  else {
    const code = read(value, 'code');
    if (typeof code === 'string' || typeof code === 'number') record.code = bounded(String(code), 100);
  }
  if (depth < MAX_DEPTH && walk.seen.size < MAX_RECORDS) addNested(record, value, depth, walk);
  return record;
}

/** The name; for a class that did not set one, the name of the class. */
function nameOf(value: object): string {
  const name = asText(read(value, 'name'));
  if (name !== '' && name !== 'Error') return bounded(name, SHORT);
  const own: unknown = read(read(value, 'constructor'), 'name');
  return bounded(asText(own) || name || 'Object', SHORT);
}

function addMembers(record: Draft, error: object): void {
  const members = membersOf(error);
  record.code = asCode(members.code);
  record.status = asStatus(members.status);
  record.id = asText(read(error, 'id'));
  record.retryable = asRetryable(members.retryable);
  const retryAfterMs = asRetryAfterMs(members.retryAfterMs);
  if (retryAfterMs !== undefined) record.retryAfterMs = retryAfterMs;
  const issues = asIssues(members.issues);
  if (issues !== undefined) record.issues = issues;
  const details = plainRecord(members.details);
  if (details !== undefined) record.details = details;
}

function addNested(record: Draft, value: object, depth: number, walk: Walk): void {
  const cause = causeOf(value);
  if (cause !== undefined) record.cause = recordOf(cause, depth + 1, walk);
  const { parts, more } = partsOf(value);
  if (parts.length === 0) return;
  const errors = parts.map((part) => recordOf(part, depth + 1, walk));
  record.errors = more > 0 ? [...errors, { name: 'Truncated', message: `${more} more errors.` }] : errors;
}

function stackOf(error: object, message: string): string | undefined {
  const stack = read(error, 'stack');
  if (typeof stack !== 'string' || stack === '') return undefined;
  if (stack.length <= MAX_STACK) return stack;
  // A huge message stands at the head of the stack and would push the frames out.
  const whole = read(error, 'message');
  const short = typeof whole === 'string' && whole.length > MAX_TEXT ? stack.replace(whole, () => message) : stack;
  return bounded(short, MAX_STACK);
}
