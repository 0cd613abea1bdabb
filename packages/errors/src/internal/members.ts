import type { Issue, Retryable } from '../options.ts';
import { isCode, isStatus } from './codes.ts';
import { bounded, itemsOf, read } from './safe.ts';

// The members of an error as the serialisers see them: whatever somebody did to the object, a value of the right type.

const MAX_ISSUES = 100;
const RETRYABLE: readonly unknown[] = ['never', 'idempotent', 'always'] satisfies Retryable[];
const LOCATIONS: readonly unknown[] = ['body', 'query', 'path', 'header', 'cookie', 'config'];

export function codeOf(error: unknown): string {
  const code = read(error, 'code');
  return isCode(code) ? code : 'internal';
}

export function statusOf(error: unknown): number {
  const status = read(error, 'status');
  return isStatus(status) ? status : 500;
}

export function retryableOf(error: unknown): Retryable {
  const retryable = read(error, 'retryable');
  return RETRYABLE.includes(retryable) ? (retryable as Retryable) : 'never';
}

export function retryAfterMsOf(error: unknown): number | undefined {
  const ms = read(error, 'retryAfterMs');
  return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

/** A member that is a text, bounded; `fallback` for anything else. */
export function stringOf(error: unknown, key: string, fallback = ''): string {
  const value = read(error, key);
  return typeof value === 'string' ? bounded(value) : fallback;
}

/** The first hundred issues: enough to fix a form, not enough to turn a small request into a big response. */
export function issuesOf(error: unknown): Issue[] | undefined {
  const list = read(error, 'issues');
  if (list === undefined) return undefined;
  return itemsOf(list, MAX_ISSUES).map((item) => {
    const where = read(item, 'in');
    return {
      pointer: stringOf(item, 'pointer', '#'),
      ...(LOCATIONS.includes(where) ? { in: where as NonNullable<Issue['in']> } : {}),
      code: stringOf(item, 'code', 'invalid'),
      detail: stringOf(item, 'detail', 'Invalid value'),
    };
  });
}
