import type { Principal } from '@ent/auth';
import { type Authenticator, reply, type Route, route } from '@ent/http';
import { addressKey, type RateLimiter } from '@ent/middleware';
import { z } from 'zod';
import type { Outgoing } from '../mail/outgoing.ts';
import { inBody } from '../users/routes.ts';
import type { UserService } from '../users/service.ts';
import { emailKey, Password, STORABLE } from '../users/user.ts';
import type { Addresses } from './addresses.ts';
import type { PasswordResets } from './password-resets.ts';

const Token = z.string().min(1).max(512);
const MailedToken = z.strictObject({ token: Token }).meta({ id: 'MailedToken', examples: [{ token: 'q3vF...' }] });
const ResetRequest = z
  .strictObject({ email: z.string().min(1).max(254).regex(STORABLE) })
  .meta({ id: 'PasswordResetRequest', examples: [{ email: 'ada@example.com' }] });
const Reset = z
  .strictObject({ token: Token, password: Password })
  .meta({ id: 'PasswordReset', examples: [{ token: 'q3vF...', password: 'another long passphrase' }] });

const tags = ['auth'];

export interface MailRouteParts {
  users: UserService;
  addresses: Addresses;
  resets: PasswordResets;
  outgoing: Outgoing;
  authenticate: Authenticator<Principal>;
  /** Limit how many mails one account gets, and how many one client causes. */
  mails: { readonly account: RateLimiter; readonly address: RateLimiter };
}

/** What goes by mail: verifying an address, and a new password for a forgotten one. */
export function mailRoutes({ users, addresses, resets, outgoing, authenticate, mails }: MailRouteParts): Route[] {
  const askVerification = route({
    method: 'POST',
    path: '/api/v1/auth/email-verification',
    operationId: 'askEmailVerification',
    summary: 'Send oneself another mail to verify the address',
    description: 'The first one is sent at registration. Where the address is verified already, none is.',
    tags,
    auth: authenticate,
    responses: { 202: {} },
    problems: [404, 429],
    async handler({ principal, exchange }) {
      await mails.address.require(addressKey(exchange.peer));
      await mails.account.require(principal.subject);
      const user = await users.get(principal.subject);
      outgoing.later('a mail that verifies an address', () => addresses.ask(user));
      return reply(202);
    },
  });

  const confirmVerification = route({
    method: 'POST',
    path: '/api/v1/auth/email-verification/confirm',
    operationId: 'confirmEmailVerification',
    summary: 'Verify an address by the token of the mail',
    description: 'A token works once, for a day, and for the address that it was sent to.',
    tags,
    auth: false,
    body: MailedToken,
    responses: { 204: {} },
    problems: [400],
    async handler({ body }) {
      await addresses.confirm(body.token);
      return reply(204);
    },
  });

  const askReset = route({
    method: 'POST',
    path: '/api/v1/auth/password-reset',
    operationId: 'askPasswordReset',
    summary: 'Have a link for a new password sent to an address',
    description: 'The answer is the same whether an account has the address or not.',
    tags,
    auth: false,
    body: ResetRequest,
    responses: { 202: {} },
    problems: [429],
    async handler({ body, exchange }) {
      await mails.address.require(addressKey(exchange.peer));
      // Counted by what was sent, whether somebody has it or not.
      await mails.account.require(emailKey(body.email));
      outgoing.later('a mail for a new password', () => resets.ask(body.email));
      return reply(202);
    },
  });

  const confirmReset = route({
    method: 'POST',
    path: '/api/v1/auth/password-reset/confirm',
    operationId: 'confirmPasswordReset',
    summary: 'Set a new password by the token of the mail; all sessions end',
    description: 'A token works once, for half an hour. It logs nobody in; a refused password leaves it good.',
    tags,
    auth: false,
    body: Reset,
    responses: { 204: {} },
    problems: [400, 503],
    async handler({ body, exchange }) {
      await resets.confirm(body.token, body.password, { from: exchange.peer }).catch(inBody);
      return reply(204);
    },
  });

  return [askVerification, confirmVerification, askReset, confirmReset];
}
