import { hasBrand, isRealError } from './internal/brand.ts';
import { asCode, asIssues, asRetryAfterMs, asRetryable, asStatus, asText, membersOf } from './internal/members.ts';
import { bounded, itemsOf, MAX_TEXT, plainRecord, read, textOf } from './internal/safe.ts';
import type { ErrorRecord } from './options.ts';

const MAX_DEPTH = 8;
const MAX_PARTS = 8;
const MAX_RECORDS = 50;
const MAX_STACK = 16_384;

type Draft = { -readonly [K in keyof ErrorRecord]: ErrorRecord[K] };

/**
 * Anything that was thrown, as a log record: errors of this package with all they know, others with name, message, code and
 * stack, both with their causes. Never throws.
 */
export function toErrorRecord(value: unknown): ErrorRecord {
  return recordOf(value, 0, new Set());
}

function recordOf(value: unknown, depth: number, seen: Set<unknown>): ErrorRecord {
  if (typeof value !== 'object' || value === null) return { name: typeof value, message: textOf(value) };
  const name = asText(read(value, 'name'), 'Object');
  // A cycle, or one error in two places of a tree.
  if (seen.has(value)) return { name, message: '[listed above]' };
  seen.add(value);
  const message = asText(read(value, 'message'));
  const record: Draft = { name, message };
  const stack = stackOf(value, message);
  if (stack !== undefined) record.stack = stack;
  if (hasBrand(value, 'EntError')) addMembers(record, value);
  else {
    const code = read(value, 'code');
    if (typeof code === 'string' || typeof code === 'number') record.code = bounded(String(code), 100);
  }
  if (depth < MAX_DEPTH && seen.size < MAX_RECORDS) addNested(record, value, depth, seen);
  return record;
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

function addNested(record: Draft, value: object, depth: number, seen: Set<unknown>): void {
  const cause = read(value, 'cause');
  if (cause !== undefined) record.cause = recordOf(cause, depth + 1, seen);
  // An AggregateError, or what somebody made in its likeness.
  const parts = isRealError(value) ? itemsOf(read(value, 'errors'), MAX_PARTS) : [];
  if (parts.length > 0) record.errors = parts.map((part) => recordOf(part, depth + 1, seen));
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
