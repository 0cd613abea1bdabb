import { bounded, itemsOf, read } from './internal/safe.ts';
import { asText } from './internal/members.ts';
import type { Issue, IssueLocation } from './options.ts';

const MAX_ISSUES = 1000;

/** Options of {@link issuesFromZod}. */
export interface IssuesFromZodOptions {
  /** Where the input came from; put on every issue. */
  readonly in?: IssueLocation | undefined;
  /** Path of the checked value inside the whole input; put before every issue's own path. */
  readonly prefix?: readonly PropertyKey[] | undefined;
}

/**
 * The issues of a zod error (or of anything with Standard Schema's `issues`: `message` and `path`) as JSON pointers.
 * Unknown keys give one issue each, at the key. Reads the structure only, so zod is no dependency. Never throws.
 *
 * ```ts
 * import { issuesFromZod, ValidationError } from '@ent/errors';
 * import { z } from 'zod';
 *
 * const parsed = z.object({ tags: z.array(z.string()) }).safeParse({ tags: ['a', 1] });
 * if (!parsed.success) {
 *   const issues = issuesFromZod(parsed.error, { in: 'body' });
 *   const error = new ValidationError('The body is not valid.', { issues });
 *   console.log(error.issues?.[0]?.pointer); // #/tags/1
 * }
 * ```
 */
export function issuesFromZod(error: unknown, options: IssuesFromZodOptions = {}): Issue[] {
  const list = read(error, 'issues');
  const prefix = itemsOf(read(options, 'prefix'), MAX_ISSUES).map(segment);
  const where = read(options, 'in') as IssueLocation | undefined;
  const result: Issue[] = [];
  for (const item of itemsOf(list, MAX_ISSUES)) {
    const path = [...prefix, ...itemsOf(read(item, 'path'), MAX_ISSUES).map(segment)];
    const code = asText(read(item, 'code'), 'invalid');
    const detail = detailOf(item);
    const keys = code === 'unrecognized_keys' ? itemsOf(read(item, 'keys'), MAX_ISSUES).map(segment) : [];
    const paths = keys.length === 0 ? [path] : keys.map((key) => [...path, key]);
    for (const each of paths) {
      if (result.length >= MAX_ISSUES) return result;
      result.push({
        pointer: pointerOf(each),
        ...(where === undefined ? {} : { in: where }),
        code,
        detail: keys.length === 0 ? detail : 'Unrecognized key',
      });
    }
  }
  return result;
}

/** `#/a/0/b`: RFC 6901 section 6, a pointer as a URI fragment. */
function pointerOf(path: readonly string[]): string {
  const parts = path.map((part) =>
    // encodeURIComponent throws on half a surrogate pair.
    encodeURIComponent(bounded(part, 256).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')),
  );
  return ['#', ...parts].join('/');
}

function segment(part: unknown): string {
  // Standard Schema allows { key } in a path.
  const key = typeof part === 'object' && part !== null ? read(part, 'key') : part;
  return typeof key === 'object' && key !== null ? '?' : String(key);
}

function detailOf(item: unknown): string {
  const message = asText(read(item, 'message'), 'Invalid input');
  // The key of a record, or an element of a set: what is wrong with it stands one level down.
  const inner = itemsOf(read(item, 'issues'), MAX_ISSUES)[0];
  return inner === undefined ? message : `${message}: ${asText(read(inner, 'message'), 'Invalid input')}`;
}
