import { durationOption, refuseUnknown } from '@ent/internal';
import { authErrors } from './errors.ts';
import { demandMethods, demandText, demandTexts } from './internal/demand.ts';
import type { Clock, Duration } from './options.ts';
import { isPrincipal, type Principal } from './principal.ts';
import type { Sessions, TokenPair } from './session-options.ts';

/** What a sensitive action asks of the login behind it. All that is given must hold. */
export interface RequiredAuthentication {
  /** How long ago the account may have proved itself: `"5m"`. */
  maxAge?: Duration | undefined;
  /** By what it must have done so, RFC 8176: `["otp"]`. All of them. */
  amr?: readonly string[] | undefined;
  /** Levels of assurance, one of which the token must name. */
  acr?: readonly string[] | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** How an account proved itself once more. */
export interface StepUp {
  /** By what, RFC 8176: `["otp"]`. Beside what the session has already. */
  amr: readonly string[];
  userAgent?: string | undefined;
  address?: string | undefined;
}

const REQUIRED = { maxAge: true, amr: true, acr: true, now: true } as const;
const STEP_UP = { amr: true, userAgent: true, address: true } as const;
/** As far as clocks may differ: a login from further in the future is no login that we know the age of. */
const AHEAD_MS = 60_000;
/** What may stand in a quoted string of the challenge as it is (RFC 9110 section 5.6.4). */
const WORD = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/**
 * Refuses a principal whose login is too old or too weak for what it is about to do. What its token does not say does
 * not count for it: without `auth_time` no age is good enough.
 *
 * @throws `auth.step_up_required` (401) with the challenge of RFC 9470, by which a client knows what to ask its user
 *   for; `auth.configuration` for what is no principal, or nothing that is asked for
 *
 * @example
 * ```ts
 * import { requireAuthentication, trustedPrincipal } from '@ent/auth';
 *
 * const ann = trustedPrincipal({ subject: 'ann', amr: ['pwd', 'otp'], authenticatedAt: new Date() });
 * requireAuthentication(ann, { maxAge: '5m', amr: ['otp'] });
 * ```
 */
export function requireAuthentication(principal: Principal, required: RequiredAuthentication): void {
  if (!isPrincipal(principal))
    throw authErrors.configuration('requireAuthentication: give it the principal of verify().');
  refuseUnknown(required, REQUIRED, 'requireAuthentication', authErrors.configuration);
  const { maxAge, amr, acr, now = Date.now } = required;
  demandTexts(amr, 'requireAuthentication: amr');
  demandTexts(acr, 'requireAuthentication: acr');
  if ([...(amr ?? []), ...(acr ?? [])].some((word) => !WORD.test(word)) || acr?.length === 0) {
    throw authErrors.configuration(
      'requireAuthentication: "amr" and "acr" are lists of words without spaces or quotes.',
    );
  }
  if (maxAge === undefined && acr === undefined && !amr?.length) {
    throw authErrors.configuration('requireAuthentication: say what is required: "maxAge", "amr" or "acr".');
  }
  const maxAgeMs = maxAge === undefined ? Infinity : durationOption(maxAge, 'maxAge', authErrors.configuration);
  const ageMs = principal.authenticatedAt && now() - principal.authenticatedAt.getTime();
  const faults = {
    age: maxAge !== undefined && !(ageMs !== undefined && ageMs <= maxAgeMs && ageMs >= -AHEAD_MS),
    amr: amr !== undefined && !amr.every((method) => principal.amr.includes(method)),
    acr: acr !== undefined && !acr.includes(principal.acr ?? ''),
  };
  const reasons = (['age', 'amr', 'acr'] as const).filter((name) => faults[name]);
  if (reasons.length === 0) return;
  const challenge = [
    // By the scheme that the token is to be sent with.
    `${principal.jkt === undefined ? 'Bearer' : 'DPoP'} error="insufficient_user_authentication"`,
    'error_description="A fresh or stronger login is required"',
    ...(acr ? [`acr_values="${acr.join(' ')}"`] : []),
    ...(maxAge === undefined ? [] : [`max_age="${Math.floor(maxAgeMs / 1000)}"`]),
  ].join(', ');
  throw authErrors.step_up_required('The login of the principal does not suffice.', {
    details: { reason: reasons.join(' ') },
    headers: { 'www-authenticate': challenge },
  });
}

/**
 * A new session in the place of the principal's, once its account has proved itself once more: its login is of now,
 * and by all of both. The old tokens end with it, so that nobody who had them before is lifted too. Of several calls at
 * once one is given a session, and none once the old one has ended.
 *
 * @throws `auth.credentials_invalid` where the session has ended meanwhile; what `sessions.start` throws
 *
 * @example
 * ```ts no-run
 * import { type Principal, type Sessions, stepUp } from '@ent/auth';
 * import type { Totp } from '@ent/auth/totp';
 *
 * async function withCode(sessions: Sessions, totp: Totp, principal: Principal, code: string) {
 *   const { method } = await totp.verify(principal.subject, code);
 *   return stepUp(sessions, principal, { amr: [method] });
 * }
 * ```
 */
export async function stepUp(
  sessions: Pick<Sessions, 'start' | 'revoke'>,
  principal: Principal,
  by: StepUp,
): Promise<TokenPair> {
  demandMethods(sessions, ['start', 'revoke'], 'stepUp: sessions');
  if (!isPrincipal(principal)) throw authErrors.configuration('stepUp: give it the principal of verify().');
  refuseUnknown(by, STEP_UP, 'stepUp', authErrors.configuration);
  const { sessionId, subject } = principal;
  demandText(sessionId, 'stepUp: the sessionId of the principal');
  demandTexts(by.amr ?? null, 'stepUp: amr');
  if (by.amr.length === 0) throw authErrors.configuration('stepUp: amr must say by what the account proved itself.');
  return sessions.start({
    subject,
    amr: [...new Set([...principal.amr, ...by.amr])],
    userAgent: by.userAgent,
    address: by.address,
    ...(principal.jkt !== undefined && { proof: { jkt: principal.jkt } }),
    // Asked once the new session is stored: whoever ended the old one before, ends this one by it.
    confirm: () => sessions.revoke(sessionId, 'step_up'),
  });
}
