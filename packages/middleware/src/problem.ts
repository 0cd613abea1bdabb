import { EntError } from '@ent/errors';
import type { Reply } from './exchange.ts';

/**
 * The reply for anything that was thrown: `application/problem+json` (RFC
 * 9457) with the status and headers of the error.
 *
 * What is not an `EntError` becomes a 500 with a fixed text: no message, stack or query leaves the process. `instance`
 * is the error's id, by which the log knows it. `Retry-After` comes from `retryAfterMs`; a 401 carries
 * `WWW-Authenticate`, since RFC 9110, section 15.5.2 demands one.
 *
 * @example
 * ```ts
 * import { NotFoundError } from '@ent/errors';
 * import { problemReply } from '@ent/middleware';
 *
 * console.log(problemReply(new NotFoundError('There is no such user.')).status); // 404
 * ```
 */
export function problemReply(error: unknown): Reply {
  const known = EntError.from(error);
  return {
    status: known.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(known.status === 401 ? { 'www-authenticate': 'Bearer' } : undefined),
      ...(known.retryAfterMs === undefined ? undefined : { 'retry-after': retryAfterSeconds(known.retryAfterMs) }),
      ...known.headers,
    },
    body: JSON.stringify(known.toProblem({ instance: `urn:uuid:${known.id}` })),
  };
}

/**
 * `Retry-After` counts in whole seconds: rounded up, or the client comes back too early; at least 1. A difference of
 * two times may be a trace more than it should be, which is no second more.
 */
export function retryAfterSeconds(ms: number): string {
  return String(Math.max(1, Math.ceil(Number(ms.toFixed(3)) / 1000)));
}
