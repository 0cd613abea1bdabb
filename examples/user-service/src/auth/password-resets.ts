import type { PasswordCall, Passwords, Sessions } from '@ent/auth';
import { createPasswordReset } from '@ent/auth/password-reset';
import type { SingleUseTokens } from '@ent/auth/single-use-tokens';
import type { SendMail } from '../mail/mail.ts';
import type { UserService } from '../users/service.ts';
import type { Purpose } from './single-use-tokens.ts';

export interface PasswordResetParts {
  users: Pick<UserService, 'wordsAbout' | 'findByEmail' | 'setPasswordHash'>;
  tokens: SingleUseTokens<Purpose>;
  passwords: Passwords;
  sessions: Sessions;
  send: SendMail;
  /** Where the pages are that links in mails open. */
  appUrl: string;
}

/** New passwords for who has forgotten theirs, by a link in a mail. */
export function createPasswordResets({ users, tokens, passwords, sessions, send, appUrl }: PasswordResetParts) {
  const reset = createPasswordReset({
    tokens,
    purpose: 'password-reset',
    passwords,
    about: users.wordsAbout,
    sessions,
    save: users.setPasswordHash,
  });

  return {
    /** Sends a link, where somebody has the address. Call it after the answer, whose time then tells nothing. */
    async ask(email: string): Promise<void> {
      const user = await users.findByEmail(email);
      if (user === undefined) return;
      const { token } = await reset.request(user.id);
      // The address may have been changed meanwhile, and what ends the tokens of the old one have come before this one.
      if ((await users.findByEmail(email))?.id !== user.id)
        return void (await tokens.revoke('password-reset', user.id));
      const link = `${appUrl}/reset-password#token=${token}`;
      await send({
        to: user.email,
        subject: 'A new password',
        text:
          `Hello ${user.name},\n\nopen this within half an hour to choose a new password:\n${link}\n\n` +
          'Was it not you? Then do nothing: the old one stays.\n',
      });
    },
    /** @throws `auth.single_use_invalid`, `auth.password_rejected`, `auth.overloaded` */
    async confirm(token: string, password: string, call: PasswordCall): Promise<void> {
      await reset.complete(token, password, call);
    },
  };
}

export type PasswordResets = ReturnType<typeof createPasswordResets>;
