import { randomUUID } from 'node:crypto';
import { kindOf, refuseUnknown } from '@ent/internal';
import type { ProofOfPossession } from '../access-token-verifier.ts';
import type { SessionRecord } from '../driver.ts';
import { authErrors, credentialError, storeCall } from '../errors.ts';
import { newRefreshToken } from '../refresh-tokens.ts';
import type { SessionClaims, StartSession, TokenPair } from '../session-options.ts';
import { demandText, demandTexts } from './demand.ts';
import { pairOf, type SessionParts } from './session-parts.ts';
import type { SessionSettings } from './session-settings.ts';

const START = { subject: true, confirm: true, amr: true, userAgent: true, address: true, proof: true } as const;

/** How a session begins, and its first tokens. */
export function sessionStart(
  settings: SessionSettings,
  parts: SessionParts,
): (input: StartSession) => Promise<TokenPair> {
  const { stores, claimsFor, sessionTtlMs } = settings;
  const { now } = settings.accessTokens;

  const start = async (input: StartSession): Promise<TokenPair> => {
    refuseUnknown(input, START, 'sessions.start', authErrors.configuration);
    demandText(input.subject, 'sessions.start: subject');
    demandTexts(input.amr, 'sessions.start: amr');
    if (input.userAgent !== undefined) demandText(input.userAgent, 'sessions.start: userAgent');
    if (input.address !== undefined) demandText(input.address, 'sessions.start: address');
    if (input.confirm !== undefined && typeof input.confirm !== 'function') {
      throw authErrors.configuration(`sessions.start: confirm must be a function; got ${kindOf(input.confirm)}.`);
    }
    if (input.proof !== undefined)
      demandText((Object(input.proof) as ProofOfPossession).jkt, 'sessions.start: proof.jkt');
    const time = now();
    if (!(await claimsFor(input.subject))) throw gone();
    const session: SessionRecord = {
      id: randomUUID(),
      subject: input.subject,
      createdAt: new Date(time),
      lastUsedAt: new Date(time),
      expiresAt: new Date(time + sessionTtlMs),
      revokedAt: null,
      revokedReason: null,
      amr: (input.amr ?? ['pwd']).join(' '),
      userAgent: note(input.userAgent, 512),
      address: note(input.address, 64),
      jkt: input.proof?.jkt ?? null,
    };
    const refreshToken = newRefreshToken();
    const record = parts.recordFor(refreshToken, session, time);
    await storeCall('add a session', () => stores.sessions.insert(session));
    try {
      await parts.addToken(record);
      const access = await parts.issue(session, await confirmed(input));
      return pairOf(access, refreshToken, record, session);
    } catch (error) {
      await parts.revoke(session.id, 'not_started');
      throw error;
    }
  };

  /**
   * Asks again, now that whoever ends the account's sessions finds this one: either
   * they end it, or what they did before shows here.
   */
  const confirmed = async ({ subject, confirm }: StartSession): Promise<SessionClaims> => {
    if (confirm !== undefined && !(await confirm())) {
      throw credentialError(
        'credentials_invalid',
        'What the account proved itself with was changed meanwhile.',
        'changed',
      );
    }
    const claims = await claimsFor(subject);
    if (!claims) throw gone();
    return claims;
  };

  return start;
}

const gone = (): Error => credentialError('credentials_invalid', 'The account is gone or locked.', 'account');

/** What a client says about itself, as every database can keep it. */
function note(text: string | undefined, length: number): string | null {
  return text === undefined ? null : text.slice(0, length).toWellFormed().replaceAll('\0', '');
}
