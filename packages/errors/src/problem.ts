import { codeOf, issuesOf, retryAfterMsOf, statusOf, stringOf } from './internal/members.ts';
import { itemsOf, plain, read } from './internal/safe.ts';
import type { Issue, Problem } from './options.ts';

// Allowlists are written by hand; a longer one is somebody's mistake.
const MAX_PUBLIC = 100;

type Draft = { -readonly [K in keyof Problem]: Problem[K] };

/** What a client may know about `error`. The order of the members is that of RFC 9457. */
export function problemOf(error: object, instance?: string): Problem {
  const type = stringOf(error, 'problemType', 'about:blank');
  const title = stringOf(error, 'title', 'Internal Server Error');
  const status = statusOf(error);
  const code = codeOf(error);
  const exposed = read(error, 'expose') === true;
  const detail = exposed ? stringOf(error, 'message') : '';
  // Two literals: V8 serialises an object that got a member added later at half the speed.
  const problem: Draft = detail === '' ? { type, title, status, code } : { type, title, status, detail, code };
  if (typeof instance === 'string') problem.instance = instance;
  const retryAfterMs = retryAfterMsOf(error);
  if (retryAfterMs !== undefined) problem.retryAfter = Math.ceil(retryAfterMs / 1000);
  if (!exposed) return problem;
  const issues: Issue[] | undefined = issuesOf(error);
  if (issues !== undefined) problem.errors = issues;
  const details = publicDetails(error);
  if (details !== undefined) problem.details = details;
  return problem;
}

function publicDetails(error: object): Record<string, unknown> | undefined {
  const names = itemsOf(read(error, 'publicDetails'), MAX_PUBLIC);
  const details = read(error, 'details');
  if (names.length === 0 || typeof details !== 'object' || details === null) return undefined;
  const shown: Record<string, unknown> = {};
  for (const name of names) {
    if (typeof name !== 'string') continue;
    const value = plain(read(details, name));
    if (value !== undefined) shown[name] = value;
  }
  return shown;
}
