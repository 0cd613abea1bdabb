import { EntError } from '@ent/errors';

/** The reply of {@link problemReply}: fits where a framework takes headers and a body. */
export interface ProblemReply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/**
 * The reply for anything that was thrown: `application/problem+json` (RFC
 * 9457) with the status and headers of the error.
 *
 * What is not an `EntError` becomes a 500 with a fixed text: no message, stack or query leaves the process. `instance`
 * is the error's id, by which the log knows it. `Retry-After` comes from `retryAfterMs`, or is a second at a 503; a 401
 * carries
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
export function problemReply(error: unknown): ProblemReply {
  const known = EntError.from(error);
  return {
    status: known.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(known.status === 401 ? { 'www-authenticate': 'Bearer' } : undefined),
      ...retryAfter(known),
      ...known.headers,
    },
    body: JSON.stringify(known.toProblem({ instance: `urn:uuid:${known.id}` })),
  };
}

/** A 503 that does not know for how long asks for a moment all the same, or clients come back at once. */
function retryAfter({ status, retryAfterMs }: EntError): { 'retry-after'?: string } {
  if (retryAfterMs === undefined && status !== 503) return {};
  return { 'retry-after': retryAfterSeconds(retryAfterMs ?? 1000) };
}

/**
 * `Retry-After` counts in whole seconds: rounded up, or the client comes back too early; at least 1. A difference of
 * two times may be a trace more than it should be, which is no second more.
 */
export function retryAfterSeconds(ms: number): string {
  return String(Math.max(1, Math.ceil(Math.round(ms * 1000) / 1_000_000)));
}
