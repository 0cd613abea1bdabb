import type { ProofOfPossession } from '../access-token-verifier.ts';
import type { IssuedAccessToken } from '../access-tokens.ts';
import type { SessionOperation } from '../channels.ts';
import type { RefreshTokenRecord, SessionRecord } from '../driver.ts';
import { credentialError, storeCall } from '../errors.ts';
import { isRefreshToken, successorOf, tokenId } from '../refresh-tokens.ts';
import type { TokenPair } from '../session-options.ts';
import { pairOf, type SessionParts } from './session-parts.ts';
import type { SessionSettings } from './session-settings.ts';

/** Exchanges a refresh token for the next one; `operation` is told how it went. */
export type Rotate = (
  token: string,
  proof: ProofOfPossession | undefined,
  operation: SessionOperation,
) => Promise<TokenPair>;

/** How a refresh token is spent for its successor, and what is done when it comes again. */
export function rotation(settings: SessionSettings, parts: SessionParts): Rotate {
  const { stores, secrets, claimsFor, refreshTtlMs, retryWindowMs } = settings;
  const { now } = settings.accessTokens;

  // The order matters. What can fail for long (the account's claims, signing, all other writes) comes
  // before the token is spent: an outage that outlasts the retry window must not turn an honest client's
  // next try into a theft. And the successor is stored before the token is spent: a crash in between
  // leaves a token that works, not a client with none.
  const refresh: Rotate = async (token, proof, operation) => {
    const time = now();
    if (!isRefreshToken(token)) throw refuse(operation, 'malformed');
    const stored = await parts.readToken(tokenId(token));
    if (!stored) throw refuse(operation, 'unknown');
    const session = await parts.live(stored.sessionId, time);
    if (!session) throw refuse(operation, 'ended');
    // First: who has a copy of the token and not the key must not even end the session.
    if ((session.jkt ?? undefined) !== proof?.jkt) throw refuse(operation, 'proof');
    if (isReuse(stored, time)) return endStolen(session, operation);
    // By the idle time of now too, where it was made shorter since the token was given out.
    const idleEnd = stored.createdAt.getTime() + refreshTtlMs;
    if (Math.min(stored.expiresAt.getTime(), idleEnd) <= time) throw refuse(operation, 'expired');
    const claims = await claimsFor(session.subject);
    if (!claims) {
      await parts.revoke(session.id, 'account');
      throw refuse(operation, 'account');
    }
    if (stored.spentAt !== null) {
      const [access] = await Promise.all([parts.issue(session, claims), touch(session, time)]);
      operation.outcome = 'retry';
      return giveSuccessor(access, token, stored, session, operation);
    }
    const nextToken = successorOf(token, stored.nonce, secrets[0]);
    const successor = parts.recordFor(nextToken, session, time);
    // A thread signs meanwhile.
    const [access, added] = await Promise.all([
      parts.issue(session, claims),
      parts.addToken(successor),
      touch(session, time),
    ]);
    const spent = await storeCall('spend a refresh token', () =>
      stores.refreshTokens.spend(stored.id, new Date(time), successor.id),
    );
    if (!spent) throw refuse(operation, 'unknown');
    if (isReuse(spent.record, time)) return endStolen(session, operation);
    operation.outcome = spent.first ? 'ok' : 'retry';
    if (spent.first && added) return pairOf(access, nextToken, successor, session);
    return giveSuccessor(access, token, spent.record, session, operation);
  };

  const touch = (session: SessionRecord, time: number): Promise<void> =>
    storeCall('touch a session', () => stores.sessions.touch(session.id, new Date(time)));

  const isReuse = (record: RefreshTokenRecord, time: number): boolean =>
    // Spent "later than now" too: a clock that was set back must not make the window longer.
    record.spentAt !== null && Math.abs(time - record.spentAt.getTime()) > retryWindowMs;

  const endStolen = async (session: SessionRecord, operation: SessionOperation): Promise<never> => {
    await parts.revoke(session.id, 'reuse');
    throw refuse(operation, 'reuse');
  };

  /** Answers with the successor that `spent` was spent for: computed again, under the secret that it was made with. */
  const giveSuccessor = async (
    access: IssuedAccessToken,
    token: string,
    spent: RefreshTokenRecord,
    session: SessionRecord,
    operation: SessionOperation,
  ): Promise<TokenPair> => {
    const successor = secrets
      .map((secret) => successorOf(token, spent.nonce, secret))
      .find((candidate) => tokenId(candidate) === spent.successorId);
    if (!successor) throw refuse(operation, 'secret_changed');
    const record = await parts.readToken(tokenId(successor));
    if (!record) throw refuse(operation, 'unknown');
    return pairOf(access, successor, record, session);
  };

  return refresh;
}

function refuse(operation: SessionOperation, reason: string) {
  operation.outcome = reason;
  return credentialError('refresh_invalid', 'The refresh token was refused.', reason);
}
