import { hash, randomBytes } from 'node:crypto';
import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import { channels, type SingleUseOperation } from './channels.ts';
import type { SingleUseTokenRecord, SingleUseTokenStore } from './driver.ts';
import { authErrors, storeCall } from './errors.ts';
import { demandMethods, demandText } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import type { Clock, Duration } from './options.ts';

/** How single-use tokens are made and used. */
export interface SingleUseTokensOptions<Purpose extends string> {
  /** `memorySingleUseTokenStore()` or `repositorySingleUseTokenStore(...)` of `@ent/auth/stores`, or your own. */
  store: SingleUseTokenStore;
  /**
   * What tokens are for, and how long they live: `{ 'email-verification': '24h', 'password-reset': '30m' }`. At most
   * 24 hours, as NIST SP 800-63B-4 section 4.2.1.2 has it for codes that are sent by mail.
   */
  purposes: Readonly<Record<Purpose, Duration>>;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** What a token stands for. */
export interface SingleUse {
  /** The account. */
  readonly subject: string;
  /** What was put beside it. */
  readonly data: string | undefined;
}

/** A token that was issued: for a link in a mail to the account's owner, and for nobody else. */
export interface IssuedSingleUseToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** Issues tokens that work once. */
export interface SingleUseTokens<Purpose extends string = string> {
  /**
   * A new token. Earlier ones of the account for the same purpose end: of several mails the last one works. Of two that
   * are issued in the same moment both may be good, until one of them is used.
   *
   * @param about `data`: up to 1,024 characters to have back, such as the address that is verified; stored as it is
   */
  issue(purpose: Purpose, about: { subject: string; data?: string | undefined }): Promise<IssuedSingleUseToken>;
  /**
   * What a token stands for, which stays good: for showing a form, or for asking for more (a second factor) before it
   * is used.
   *
   * @throws `auth.single_use_invalid`, whatever is wrong; `details.reason` tells the log what
   */
  peek(purpose: Purpose, token: string): Promise<SingleUse>;
  /**
   * Uses a token. Of any number of calls at once, in any number of processes, one gets an answer. All other tokens of
   * the account for the same purpose end with it.
   *
   * @throws `auth.single_use_invalid`, whatever is wrong; `details.reason` tells the log what
   */
  consume(purpose: Purpose, token: string): Promise<SingleUse>;
  /** Ends all tokens of an account for a purpose, as when its address was changed. Says how many. */
  revoke(purpose: Purpose, subject: string): Promise<number>;
  /** Removes what has expired from the store. Call it now and then, from one process; says how many went. */
  purge(): Promise<number>;
}

const OPTIONS = { store: true, purposes: true, now: true } as const;
const METHODS = ['insert', 'get', 'consume', 'consumeAll', 'deleteExpired'];
const TOKEN = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const MAX_TTL_MS = 24 * 3_600_000;
const MAX_DATA = 1024;

/**
 * Tokens that prove once that somebody reads the mail of an account: to verify its address, or to set a new password. A
 * token has 256 random bits; the store has its hash, which the purpose is part of: one for verifying an address resets
 * no password.
 *
 * @throws `auth.configuration` for a store that is none, no purpose, or a life that cannot be
 *
 * @example
 * ```ts
 * import { createSingleUseTokens } from '@ent/auth/single-use-tokens';
 * import { memorySingleUseTokenStore } from '@ent/auth/stores';
 *
 * const tokens = createSingleUseTokens({
 *   store: memorySingleUseTokenStore(),
 *   purposes: { 'email-verification': '24h' },
 * });
 * const { token } = await tokens.issue('email-verification', { subject: 'ann', data: 'ann@example.com' });
 * // https://example.com/verify#token=... in a mail to that address; and then:
 * const { subject, data } = await tokens.consume('email-verification', token);
 * console.log(subject, data); // ann ann@example.com
 * ```
 */
export function createSingleUseTokens<const Purpose extends string>(
  options: SingleUseTokensOptions<Purpose>,
): SingleUseTokens<Purpose> {
  refuseUnknown(options, OPTIONS, 'createSingleUseTokens', authErrors.configuration);
  const { store, now = Date.now } = options;
  demandMethods(store, METHODS, 'createSingleUseTokens: store');
  const ttls = ttlsOf(options.purposes);

  const ttlOf = (purpose: Purpose, what: string): number => {
    const ttlMs = ttls.get(purpose);
    if (ttlMs === undefined)
      throw authErrors.configuration(`${what}: the purpose is none of ${[...ttls.keys()].join(', ')}.`);
    return ttlMs;
  };

  const read = async (
    purpose: Purpose,
    token: string,
    operation: SingleUseOperation,
  ): Promise<SingleUseTokenRecord> => {
    if (typeof token !== 'string' || !TOKEN.test(token)) throw refusal(operation, 'malformed');
    const record = await storeCall('read a single-use token', () => store.get(idOf(purpose, token)));
    if (record?.purpose !== purpose) throw refusal(operation, 'unknown');
    if (record.consumedAt !== null) throw refusal(operation, 'consumed');
    if (record.expiresAt.getTime() <= now()) throw refusal(operation, 'expired');
    return record;
  };

  const end = (purpose: Purpose, subject: string): Promise<number> =>
    storeCall('end single-use tokens', () => store.consumeAll(purpose, subject, new Date(now())));

  const traced = <T>(
    operation: SingleUseOperation['operation'],
    purpose: Purpose,
    work: (payload: SingleUseOperation) => Promise<T>,
  ) => tracedOutcome<SingleUseOperation, T>(channels.singleUse, { operation, purpose }, work);

  return {
    issue: (purpose, about) =>
      traced('issue', purpose, async () => {
        const ttlMs = ttlOf(purpose, 'singleUseTokens.issue');
        refuseUnknown(about, { subject: true, data: true }, 'singleUseTokens.issue', authErrors.configuration);
        const { subject, data } = about;
        demandText(subject, 'singleUseTokens.issue: subject');
        if (subject === '') throw authErrors.configuration('singleUseTokens.issue: subject must not be empty.');
        demandData(data);
        const time = now();
        const token = randomBytes(32).toString('base64url');
        const expiresAt = new Date(time + ttlMs);
        await end(purpose, subject);
        await storeCall('add a single-use token', () =>
          store.insert({
            id: idOf(purpose, token),
            purpose,
            subject,
            data: data ?? null,
            createdAt: new Date(time),
            expiresAt,
            consumedAt: null,
          }),
        );
        return { token, expiresAt };
      }),
    peek: (purpose, token) =>
      traced('peek', purpose, async (operation) => {
        ttlOf(purpose, 'singleUseTokens.peek');
        return meaningOf(await read(purpose, token, operation));
      }),
    consume: (purpose, token) =>
      traced('consume', purpose, async (operation) => {
        ttlOf(purpose, 'singleUseTokens.consume');
        const record = await read(purpose, token, operation);
        const isFirst = await storeCall('use a single-use token', () => store.consume(record.id, new Date(now())));
        if (!isFirst) throw refusal(operation, 'consumed');
        await end(purpose, record.subject);
        return meaningOf(record);
      }),
    async revoke(purpose, subject) {
      ttlOf(purpose, 'singleUseTokens.revoke');
      demandText(subject, 'singleUseTokens.revoke: the subject');
      return end(purpose, subject);
    },
    purge: () => storeCall('remove single-use tokens', () => store.deleteExpired(new Date(now()))),
  };
}

function ttlsOf(purposes: Readonly<Record<string, Duration>>): ReadonlyMap<string, number> {
  if (kindOf(purposes) !== 'an object' || Object.keys(purposes).length === 0) {
    throw authErrors.configuration('createSingleUseTokens: "purposes" must say how long tokens for each purpose live.');
  }
  return new Map(
    Object.entries(purposes).map(([purpose, ttl]) => {
      if (!/^[a-z][a-z0-9-]{0,63}$/.test(purpose)) {
        throw authErrors.configuration('createSingleUseTokens: a purpose is lower case letters, digits and "-".');
      }
      const ttlMs = durationOption(ttl, `purposes.${purpose}`, authErrors.configuration);
      if (ttlMs > MAX_TTL_MS) throw authErrors.configuration(`"purposes.${purpose}" must be at most 24 h.`);
      return [purpose, ttlMs];
    }),
  );
}

function demandData(data: unknown): void {
  if (data === undefined) return;
  demandText(data, 'singleUseTokens.issue: data');
  if (data.length > MAX_DATA || !data.isWellFormed() || data.includes('\0')) {
    throw authErrors.configuration(`singleUseTokens.issue: data must be a text of at most ${MAX_DATA} characters.`);
  }
}

/** A plain SHA-256, as of refresh tokens. A purpose has no NUL, so that no two pairs meet. */
function idOf(purpose: string, token: string): string {
  return hash('sha256', `${purpose}\0${token}`, 'base64url');
}

function meaningOf({ subject, data }: SingleUseTokenRecord): SingleUse {
  return { subject, data: data ?? undefined };
}

function refusal(operation: SingleUseOperation, reason: string): Error {
  operation.outcome = reason;
  return authErrors.single_use_invalid('The single-use token was refused.', { details: { reason } });
}
