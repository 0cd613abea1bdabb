import { EntError } from '@ent/errors';
import {
  AuthorizationResponseError,
  OperationProcessingError,
  PARSE_ERROR,
  RESPONSE_IS_NOT_CONFORM,
  RESPONSE_IS_NOT_JSON,
  ResponseBodyError,
  UnsupportedOperationError,
} from 'oauth4webapi';
import { authErrors } from '../errors.ts';

// Answers that are none: of a proxy in between, or a server that is out of order.
const NO_ANSWER = new Set([PARSE_ERROR, RESPONSE_IS_NOT_CONFORM, RESPONSE_IS_NOT_JSON]);

/**
 * Why an exchange with an authorization server failed: a word for the log where what was presented is not good;
 * undefined where the server did not answer as it should, so that nobody knows.
 */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof AuthorizationResponseError) return wordOf(error.error);
  // What the code or the refresh token is at fault for; `invalid_client` and the like are of this service.
  if (error instanceof ResponseBodyError) return error.error === 'invalid_grant' ? error.error : undefined;
  if (error instanceof UnsupportedOperationError) return 'unsupported';
  if (!(error instanceof OperationProcessingError) || NO_ANSWER.has(error.code ?? '')) return undefined;
  const { claim } = Object(error.cause) as { claim?: unknown };
  return typeof claim === 'string' ? `claim_${claim}` : 'response';
}

/** An error code of OAuth, as far as it looks like one: it came through the browser. */
function wordOf(error: string): string {
  return /^[a-z_]{1,40}$/.test(error) ? error : 'error';
}

/** Runs an exchange; what goes wrong in it is told by `refused`, or is `auth.issuer_unavailable`. */
export async function exchange<T>(
  issuer: string,
  refused: (reason: string, cause: unknown) => Error,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (EntError.is(cause)) throw cause;
    const reason = reasonOf(cause);
    if (reason !== undefined) throw refused(reason, cause);
    throw authErrors.issuer_unavailable(`${issuer} did not answer as it should.`, { cause, retryAfterMs: 1000 });
  }
}
