import { readBearer } from '@ent/internal';
import { credentialError } from './errors.ts';

const MALFORMED = {
  repeated: 'came more than once',
  too_long: 'is too long',
  malformed: 'is not "Bearer" and one token',
};

/**
 * The token of an `Authorization: Bearer` header.
 *
 * Strict: another scheme, two headers, a second part or a stray character are refused, never repaired.
 *
 * @throws `auth.token_missing` without a header or with another scheme; `auth.token_invalid` for a malformed one
 *
 * @example
 * ```ts
 * import { parseBearer } from '@ent/auth';
 *
 * console.log(parseBearer('Bearer abc.def.ghi'));
 * ```
 */
export function parseBearer(header: string | readonly string[] | undefined | null): string {
  const reading = readBearer(header);
  switch (reading.fault) {
    case undefined:
      return reading.token;
    case 'missing':
      throw credentialError('token_missing', 'The request has no Authorization header.', reading.fault);
    case 'scheme':
      throw credentialError(
        'token_missing',
        'The Authorization header uses another scheme than Bearer.',
        reading.fault,
      );
    default:
      throw credentialError(
        'token_invalid',
        `The request was refused: the Authorization header ${MALFORMED[reading.fault]}.`,
        reading.fault,
      );
  }
}
