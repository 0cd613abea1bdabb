import type { Principal } from '@ent/auth';
import { type Authenticator, type Route, route } from '@ent/http';
import { z } from 'zod';
import type { UserService } from '../users/service.ts';
import type { Addresses } from './addresses.ts';
import type { SecondFactors } from './second-factors.ts';

const Account = z
  .object({
    emailVerified: z.boolean().meta({ description: 'Whether the user has shown to read the mail of the address.' }),
    secondFactor: z.boolean().meta({ description: 'Whether logins need a code too.' }),
    recoveryCodesLeft: z.int(),
  })
  .meta({ id: 'Account', examples: [{ emailVerified: true, secondFactor: true, recoveryCodesLeft: 10 }] });

export interface AccountRouteParts {
  users: UserService;
  addresses: Addresses;
  secondFactors: SecondFactors;
  authenticate: Authenticator<Principal>;
}

/** How well the account of who asks is kept. */
export function accountRoutes({ users, addresses, secondFactors, authenticate }: AccountRouteParts): Route[] {
  const account = route({
    method: 'GET',
    path: '/api/v1/auth/account',
    operationId: 'getAccount',
    summary: 'How well the own account is kept',
    description: 'What its user may want to do something about.',
    tags: ['auth'],
    auth: authenticate,
    responses: { 200: Account },
    problems: [404],
    async handler({ principal: { subject } }) {
      const emailVerified = await addresses.isVerified(await users.get(subject));
      const { enrolled, recoveryCodesLeft } = await secondFactors.status(subject);
      return { emailVerified, secondFactor: enrolled, recoveryCodesLeft };
    },
  });
  return [account];
}
