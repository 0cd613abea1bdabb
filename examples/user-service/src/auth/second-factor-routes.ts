import { authErrors, type Principal, requireAuthentication } from '@ent/auth';
import { type Authenticator, reply, type Route, route } from '@ent/http';
import { z } from 'zod';
import type { UserService } from '../users/service.ts';
import { STORABLE } from '../users/user.ts';
import { policy } from './policy.ts';
import type { SecondFactors } from './second-factors.ts';

export const Code = z.string().min(1).max(64).regex(STORABLE);
const CodeBody = z.strictObject({ code: Code }).meta({ id: 'Code', examples: [{ code: '123456' }] });

const Enrolment = z
  .object({ secret: z.string(), uri: z.string().meta({ description: 'What a QR code for the app has in it.' }) })
  .meta({
    id: 'SecondFactorEnrolment',
    examples: [{ secret: 'JBSWY3DPEHPK3PXP', uri: 'otpauth://totp/user-service:ada%40example.com?secret=JBSW...' }],
  });

const RecoveryCodes = z
  .object({ recoveryCodes: z.array(z.string()).meta({ description: 'Each stands in for a code once.' }) })
  .meta({ id: 'RecoveryCodes', examples: [{ recoveryCodes: ['ABCD-EFGH-IJKL-MNOP-QRST-UVWX'] }] });

const tags = ['auth'];
// What is in the answers is shown once.
const noStore = { 'cache-control': 'no-store' };
/** Whoever found a device unlocked must not lock its owner out. */
const FRESH = '15m';

export interface SecondFactorRouteParts {
  users: UserService;
  secondFactors: SecondFactors;
  authenticate: Authenticator<Principal>;
}

/** A second factor of one's own: enrolling, confirming, new recovery codes, ending. */
export function secondFactorRoutes({ users, secondFactors, authenticate }: SecondFactorRouteParts): Route[] {
  const enrol = route({
    method: 'POST',
    path: '/api/v1/auth/second-factor',
    operationId: 'enrolSecondFactor',
    summary: 'Begin to use an authenticator app',
    description: `It is in force once a code of the app has confirmed it. Needs a login of the last ${FRESH}.`,
    tags,
    auth: authenticate,
    guards: [(principal) => requireAuthentication(principal, { maxAge: FRESH })],
    responses: { 200: Enrolment },
    problems: [404, 409],
    async handler({ principal: { subject } }) {
      const { email } = await users.get(subject);
      return reply(200, await secondFactors.enrol(subject, email), noStore);
    },
  });

  const confirm = route({
    method: 'POST',
    path: '/api/v1/auth/second-factor/confirm',
    operationId: 'confirmSecondFactor',
    summary: 'Put it in force by a code of the app',
    description: 'Logins then need a code too. The recovery codes are shown here, and never again.',
    tags,
    auth: authenticate,
    body: CodeBody,
    responses: { 200: RecoveryCodes },
    problems: [429],
    async handler({ body, principal }) {
      const { recoveryCodes } = await secondFactors.confirm(principal.subject, body.code);
      return reply(200, { recoveryCodes: [...recoveryCodes] }, noStore);
    },
  });

  const renew = route({
    method: 'POST',
    path: '/api/v1/auth/second-factor/recovery-codes',
    operationId: 'renewRecoveryCodes',
    summary: 'New recovery codes in the place of the old ones, by a code',
    description: 'A code of the app or one of the old recovery codes is needed.',
    tags,
    auth: authenticate,
    body: CodeBody,
    responses: { 200: RecoveryCodes },
    problems: [404, 429],
    async handler({ body, principal: { subject } }) {
      await secondFactors.verify(subject, body.code);
      return reply(200, { recoveryCodes: [...(await secondFactors.renewRecoveryCodes(subject))] }, noStore);
    },
  });

  const disable = route({
    method: 'POST',
    path: '/api/v1/auth/second-factor/disable',
    operationId: 'disableSecondFactor',
    summary: 'Use no authenticator app any more, by a last code',
    description: 'A code of the app or a recovery code is needed. Logins then need the password alone.',
    tags,
    auth: authenticate,
    body: CodeBody,
    responses: { 204: {} },
    problems: [429],
    async handler({ body, principal: { subject } }) {
      await secondFactors.verify(subject, body.code);
      await secondFactors.disable(subject);
      return reply(204);
    },
  });

  const reset = route({
    method: 'DELETE',
    path: '/api/v1/users/:id/second-factor',
    operationId: 'resetSecondFactor',
    summary: 'End the second factor of a user, as an administrator',
    description: 'For who has lost both the device and the recovery codes, and has shown otherwise who it is.',
    tags: ['users'],
    auth: authenticate,
    guards: [(principal) => policy.authorize(principal, 'users:reset_second_factor')],
    responses: { 204: {} },
    problems: [404],
    async handler({ params }) {
      const { id } = await users.get(params.id);
      if (!(await secondFactors.disable(id))) throw authErrors.totp_not_enrolled('The user has no second factor.');
      return reply(204);
    },
  });

  return [enrol, confirm, renew, disable, reset];
}
