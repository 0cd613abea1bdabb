import { authErrors, type Principal, type Sessions, type Throttle, toTokenResponse } from '@ent/auth';
import { type Authenticator, reply, type Route, route } from '@ent/http';
import { z } from 'zod';
import type { UserService } from '../users/service.ts';
import { STORABLE } from '../users/user.ts';

const Login = z
  .strictObject({ email: z.string().min(1).max(254).regex(STORABLE), password: z.string().min(1).max(1024) })
  // That of NewUser: who has registered by the example of the page can log in by that of the page.
  .meta({ id: 'Login', examples: [{ email: 'ada@example.com', password: 'tr0ub4dor and three' }] });

const RefreshToken = z.strictObject({ refresh_token: z.string().min(1).max(512) }).meta({ id: 'RefreshToken' });

const Tokens = z
  .object({
    access_token: z.string(),
    refresh_token: z.string(),
    token_type: z.enum(['Bearer', 'DPoP']),
    expires_in: z.int().meta({ description: 'Seconds that the access token lives.' }),
  })
  .meta({
    id: 'Tokens',
    examples: [{ access_token: 'eyJhbGciOi...', refresh_token: 'a3Zq...', token_type: 'Bearer', expires_in: 900 }],
  });

const tags = ['auth'];
// Tokens are in the answer; RFC 6749, section 5.1.
const noStore = { 'cache-control': 'no-store' };

export interface AuthRouteParts {
  users: UserService;
  sessions: Sessions;
  throttle: Throttle;
  authenticate: Authenticator<Principal>;
}

/** `/api/v1/auth/`: login, refresh, logout. */
export function authRoutes({ users, sessions, throttle, authenticate }: AuthRouteParts): Route[] {
  const login = route({
    method: 'POST',
    path: '/api/v1/auth/login',
    operationId: 'login',
    summary: 'Log in with email address and password',
    description:
      'Send `access_token` as `Authorization: Bearer <token>`. Too many wrong passwords are answered with 429 for a while.',
    tags,
    auth: false,
    body: Login,
    responses: { 200: Tokens },
    problems: [401, 429, 503],
    async handler({ body, exchange }) {
      const attempt = await throttle.attempt({ address: exchange.peer, account: body.email });
      const known = await users
        .authenticate(body.email, body.password, { from: exchange.peer })
        .catch(async (error: unknown) => {
          // We could not look: that was no guess.
          await attempt.undo();
          throw error;
        });
      // One answer for an unknown user and for a wrong password, after the same time.
      if (!known) {
        throw authErrors.credentials_invalid('Email address or password is wrong.', {
          headers: { 'www-authenticate': 'Bearer' },
        });
      }
      await attempt.succeeded();
      const tokens = await sessions.start({
        subject: known.user.id,
        confirm: known.confirm,
        address: exchange.peer,
        userAgent: exchange.header('user-agent') ?? '',
      });
      return reply(200, toTokenResponse(tokens), noStore);
    },
  });

  const refresh = route({
    method: 'POST',
    path: '/api/v1/auth/refresh',
    operationId: 'refresh',
    summary: 'Exchange a refresh token for new tokens; the old one is spent',
    description: 'A refresh token that comes a second time was stolen from somebody: the whole session ends.',
    tags,
    auth: false,
    body: RefreshToken,
    responses: { 200: Tokens },
    problems: [401],
    async handler({ body }) {
      return reply(200, toTokenResponse(await sessions.refresh(body.refresh_token)), noStore);
    },
  });

  const logout = route({
    method: 'POST',
    path: '/api/v1/auth/logout',
    operationId: 'logout',
    summary: 'End the session: its refresh and access tokens stop working',
    description: 'The refresh token in the body says which session.',
    tags,
    auth: authenticate,
    body: RefreshToken,
    responses: { 204: {} },
    async handler({ body, principal }) {
      await sessions.logout(principal, body.refresh_token);
      return reply(204);
    },
  });

  return [login, refresh, logout];
}
