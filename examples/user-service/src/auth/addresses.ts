import { authErrors } from '@ent/auth';
import type { SingleUseTokens } from '@ent/auth/single-use-tokens';
import { type Database, defineEntity } from '@ent/database';
import type { Mail, SendMail } from '../mail/mail.ts';
import type { UserService } from '../users/service.ts';
import { emailKey, type User } from '../users/user.ts';
import type { Purpose } from './single-use-tokens.ts';

/** The address that each user has shown to read, which need not be the one of today. */
const verifiedAddresses = defineEntity({
  name: 'verified_addresses',
  fields: { id: 'string', emailKey: 'string', verifiedAt: 'date' },
});

export interface AddressParts {
  db: Database;
  users: Pick<UserService, 'find'>;
  tokens: SingleUseTokens<Purpose>;
  send: SendMail;
  /** Where the pages are that links in mails open. */
  appUrl: string;
}

/** Whether users read the mail of the address that they have given. */
export function createAddresses({ db, users, tokens, send, appUrl }: AddressParts) {
  const verified = db.repo(verifiedAddresses);

  const isVerified = async ({ id, email }: Pick<User, 'id' | 'email'>): Promise<boolean> =>
    (await verified.get(id))?.emailKey === emailKey(email);

  /** Sends a link to the user's address, unless it is verified. */
  const ask = async (user: User): Promise<void> => {
    if (await isVerified(user)) return;
    const { token } = await tokens.issue('email-verification', { subject: user.id, data: emailKey(user.email) });
    await send(mailOf(user, `${appUrl}/verify-email#token=${token}`));
  };

  /**
   * @throws `auth.single_use_invalid`, also where the user has another address by now
   */
  const confirm = async (token: string): Promise<void> => {
    const { subject, data = '' } = await tokens.consume('email-verification', token);
    const user = await users.find(subject);
    if (user === undefined || emailKey(user.email) !== data) {
      throw authErrors.single_use_invalid('The account has another address.', { details: { reason: 'address' } });
    }
    const change = { emailKey: data, verifiedAt: new Date() };
    await verified.upsert(['id'], { id: subject, ...change }, { set: change });
  };

  const forget = (id: string): Promise<unknown> => verified.deleteMany({ where: { id } });

  return { isVerified, ask, confirm, forget };
}

export type Addresses = ReturnType<typeof createAddresses>;

function mailOf({ email, name }: User, link: string): Mail {
  return {
    to: email,
    subject: 'Is this your address?',
    text: `Hello ${name},\n\nopen this within a day to say that it is:\n${link}\n\nWas it not you? Then do nothing.\n`,
  };
}
