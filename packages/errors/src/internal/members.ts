import type { Issue, IssueLocation, Retryable } from '../options.ts';
import { isCode, isStatus } from './codes.ts';
import { bounded, itemsOf, read } from './safe.ts';

// The members of an error as the serial forms see them: whatever somebody did to the object, values of the right types.

const MAX_ISSUES = 100;
const RETRYABLE: readonly unknown[] = ['never', 'idempotent', 'always'] satisfies Retryable[];
const LOCATIONS: readonly unknown[] = ['body', 'query', 'path', 'header', 'cookie', 'config'] satisfies IssueLocation[];

/** The members as they were found, unchecked. */
export interface Members {
  readonly message: unknown;
  readonly code: unknown;
  readonly status: unknown;
  readonly title: unknown;
  readonly problemType: unknown;
  readonly retryable: unknown;
  readonly expose: unknown;
  readonly publicDetails: unknown;
  readonly details: unknown;
  readonly issues: unknown;
  readonly retryAfterMs: unknown;
}

/** Reads the members once; one that throws is `undefined`. */
export function membersOf(error: unknown): Members {
  try {
    // One by one by its name, V8 reads a member five times as fast as through read().
    const members = error as Members;
    return {
      message: members.message,
      code: members.code,
      status: members.status,
      title: members.title,
      problemType: members.problemType,
      retryable: members.retryable,
      expose: members.expose,
      publicDetails: members.publicDetails,
      details: members.details,
      issues: members.issues,
      retryAfterMs: members.retryAfterMs,
    };
  } catch {
    return {
      message: read(error, 'message'),
      code: read(error, 'code'),
      status: read(error, 'status'),
      title: read(error, 'title'),
      problemType: read(error, 'problemType'),
      retryable: read(error, 'retryable'),
      expose: read(error, 'expose'),
      publicDetails: read(error, 'publicDetails'),
      details: read(error, 'details'),
      issues: read(error, 'issues'),
      retryAfterMs: read(error, 'retryAfterMs'),
    };
  }
}

export function asCode(value: unknown): string {
  return isCode(value) ? value : 'internal';
}

export function asStatus(value: unknown): number {
  return isStatus(value) ? value : 500;
}

export function asRetryable(value: unknown): Retryable {
  return RETRYABLE.includes(value) ? (value as Retryable) : 'never';
}

export function asRetryAfterMs(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** A text, bounded; `fallback` for anything else. */
export function asText(value: unknown, fallback = ''): string {
  return typeof value === 'string' ? bounded(value) : fallback;
}

/** The first hundred issues: enough to fix a form, not enough to turn a small request into a big response. */
export function asIssues(value: unknown): Issue[] | undefined {
  if (value === undefined) return undefined;
  return itemsOf(value, MAX_ISSUES).map((item) => {
    const where = read(item, 'in');
    return {
      pointer: asText(read(item, 'pointer'), '#'),
      ...(LOCATIONS.includes(where) ? { in: where as IssueLocation } : {}),
      code: asText(read(item, 'code'), 'invalid'),
      detail: asText(read(item, 'detail'), 'Invalid value'),
    };
  });
}
