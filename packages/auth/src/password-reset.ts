import { kindOf, refuseUnknown } from '@ent/internal';
import { authErrors } from './errors.ts';
import { demandMethods, demandText } from './internal/demand.ts';
import type { PasswordCall, Passwords } from './passwords.ts';
import type { IssuedSingleUseToken, SingleUseTokens } from './single-use-tokens.ts';

/** What ends all that an account has of its kind: `createSessions(...)`, `createApiKeys(...)`. */
export interface Revocable {
  revokeAll(subject: string): Promise<number>;
}

/** How passwords are reset. */
export interface PasswordResetOptions<Purpose extends string> {
  tokens: Pick<SingleUseTokens<Purpose>, 'issue' | 'peek' | 'consume'>;
  /** For which of their purposes: `"password-reset"`. */
  purpose: NoInfer<Purpose>;
  passwords: Pick<Passwords, 'hash'>;
  /**
   * Words about an account, which its new password must not be: its address, its name. As `about` of a call of
   * `passwords.hash`, for where only the token says whose account it is.
   */
  about?: ((subject: string) => readonly string[] | Promise<readonly string[]>) | undefined;
  /** Ended by a reset: whoever knew the old password is out. */
  sessions: Revocable;
  /** Ended too. Without it keys that a thief of the account made go on working. */
  apiKeys?: Revocable | undefined;
  /** Stores the new hash. False where the account is gone. */
  save: (subject: string, hash: string) => boolean | Promise<boolean>;
}

/** Sets new passwords by mail. */
export interface PasswordReset {
  /**
   * A token for a link in a mail to the account's owner. Answer alike whether the account exists or not, and in the
   * same time: look for it and send the mail after the answer.
   */
  request(subject: string): Promise<IssuedSingleUseToken>;
  /**
   * Sets the password, once, and ends all sessions of the account. A password that does not meet the policy leaves the
   * token good. It logs nobody in: a second factor is still to be asked for.
   *
   * @throws `auth.single_use_invalid`; `auth.password_rejected`; `auth.overloaded`; what `save` throws
   */
  complete(token: string, password: string, call?: PasswordCall): Promise<{ subject: string }>;
}

const OPTIONS = {
  tokens: true,
  purpose: true,
  passwords: true,
  about: true,
  sessions: true,
  apiKeys: true,
  save: true,
} as const;

/**
 * Password reset over single-use tokens.
 *
 * @throws `auth.configuration` for a part that is none
 *
 * @example
 * ```ts
 * import { createPasswords } from '@ent/auth';
 * import { argon2 } from '@ent/auth/argon2';
 * import { createPasswordReset } from '@ent/auth/password-reset';
 * import { createSingleUseTokens } from '@ent/auth/single-use-tokens';
 * import { memorySingleUseTokenStore } from '@ent/auth/stores';
 *
 * const hashes = new Map([['ann', '']]);
 * const reset = createPasswordReset({
 *   tokens: createSingleUseTokens({ store: memorySingleUseTokenStore(), purposes: { 'password-reset': '30m' } }),
 *   purpose: 'password-reset',
 *   passwords: createPasswords({ driver: argon2() }),
 *   sessions: { revokeAll: async () => 0 }, // in a service: what createSessions made
 *   save: (subject, hash) => hashes.has(subject) && hashes.set(subject, hash) === hashes,
 * });
 * const { token } = await reset.request('ann');
 * await reset.complete(token, 'correct horse battery staple');
 * console.log(hashes.get('ann')?.startsWith('$argon2id$')); // true
 * ```
 */
export function createPasswordReset<const Purpose extends string>(
  options: PasswordResetOptions<Purpose>,
): PasswordReset {
  refuseUnknown(options, OPTIONS, 'createPasswordReset', authErrors.configuration);
  const { tokens, purpose, passwords, about, sessions, apiKeys, save } = options;
  demandMethods(tokens, ['issue', 'peek', 'consume'], 'createPasswordReset: tokens');
  demandText(purpose, 'createPasswordReset: purpose');
  demandMethods(passwords, ['hash'], 'createPasswordReset: passwords');
  demandMethods(sessions, ['revokeAll'], 'createPasswordReset: sessions');
  if (apiKeys !== undefined) demandMethods(apiKeys, ['revokeAll'], 'createPasswordReset: apiKeys');
  for (const [name, value] of Object.entries({ save, about: about ?? (() => []) })) {
    if (typeof value === 'function') continue;
    throw authErrors.configuration(`createPasswordReset: ${name} must be a function; got ${kindOf(value)}.`);
  }
  const endAll = async (subject: string): Promise<void> => {
    await sessions.revokeAll(subject);
    await apiKeys?.revokeAll(subject);
  };
  return {
    request: (subject) => tokens.issue(purpose, { subject }),
    async complete(token, password, call) {
      // First what costs a look: made-up tokens must not keep the hashing busy.
      const { subject } = await tokens.peek(purpose, token);
      const words = about && [...(call?.about ?? []), ...(await about(subject))];
      const hash = await passwords.hash(password, words === undefined ? call : { ...call, about: words });
      await tokens.consume(purpose, token);
      // Before it is saved, so that no failure leaves a new password beside sessions of the old one; and after, for who
      // logged in with the old one in between.
      await endAll(subject);
      if (!(await save(subject, hash))) {
        throw authErrors.single_use_invalid('The account of the token is gone.', { details: { reason: 'account' } });
      }
      await endAll(subject);
      return { subject };
    },
  };
}
