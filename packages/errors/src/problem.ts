import { asCode, asIssues, asRetryAfterMs, asStatus, asText, type Members, membersOf } from './internal/members.ts';
import { itemsOf, plain, read } from './internal/safe.ts';
import type { Problem } from './options.ts';

// Allowlists are written by hand; a longer one is somebody's mistake.
const MAX_PUBLIC = 100;

type Draft = { -readonly [K in keyof Problem]: Problem[K] };

/** What a client may know about `error`. The order of the members is that of RFC 9457. */
export function problemOf(error: object, instance?: unknown): Problem {
  const members = membersOf(error);
  const type = asText(members.problemType, 'about:blank');
  const title = asText(members.title, 'Internal Server Error');
  const status = asStatus(members.status);
  const code = asCode(members.code);
  const exposed = members.expose === true;
  // A message that says no more than the title was made of it.
  const detail = exposed && members.message !== title ? asText(members.message) : '';
  // Two literals: V8 serialises an object that got a member added later at half the speed.
  const problem: Draft = detail === '' ? { type, title, status, code } : { type, title, status, detail, code };
  if (typeof instance === 'string') problem.instance = instance;
  const retryAfterMs = asRetryAfterMs(members.retryAfterMs);
  if (retryAfterMs !== undefined) problem.retryAfter = Math.ceil(retryAfterMs / 1000);
  if (!exposed) return problem;
  const issues = asIssues(members.issues);
  if (issues !== undefined) problem.errors = issues;
  const details = publicDetails(members);
  if (details !== undefined) problem.details = details;
  return problem;
}

function publicDetails({ details, publicDetails: list }: Members): Record<string, unknown> | undefined {
  if (typeof details !== 'object' || details === null) return undefined;
  const names = itemsOf(list, MAX_PUBLIC).filter((name) => typeof name === 'string');
  if (names.length === 0) return undefined;
  const shown: Record<string, unknown> = {};
  for (const name of names) {
    const value = plain(read(details, name));
    if (value !== undefined) shown[name] = value;
  }
  return shown;
}
