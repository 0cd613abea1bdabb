import { authErrors, type Principal, type Sessions, type Throttle, toTokenResponse } from '@ent/auth';
import type { SingleUseTokens } from '@ent/auth/single-use-tokens';
import { type Authenticator, formBody, reply, type Route, route } from '@ent/http';
import type { Exchange } from '@ent/middleware';
import { z } from 'zod';
import type { UserService } from '../users/service.ts';
import { STORABLE } from '../users/user.ts';
import { Code } from './second-factor-routes.ts';
import type { SecondFactors } from './second-factors.ts';
import type { Purpose } from './single-use-tokens.ts';

const email = z.string().min(1).max(254).regex(STORABLE);
const password = z.string().min(1).max(1024);
// That of NewUser: who has registered by the example of the page can log in by that of the page.
const ada = { email: 'ada@example.com', password: 'tr0ub4dor and three' };
const Login = z.strictObject({ email, password }).meta({ id: 'Login', examples: [ada] });

/** In the words of RFC 6749, section 4.3.2, as the page of the document sends it. */
const PasswordGrant = z
  .strictObject({
    grant_type: z.literal('password'),
    username: email.meta({ description: 'The email address.' }),
    password,
    scope: z.literal('').optional().meta({ description: 'There are none.' }),
    client_id: z.string().max(254).optional().meta({ description: 'Makes no difference.' }),
  })
  .meta({
    id: 'PasswordGrant',
    examples: [{ grant_type: 'password', username: ada.email, password: ada.password }],
  });

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

const SecondFactorNeeded = z
  .object({
    second_factor_token: z.string().meta({ description: 'For the call with the code.' }),
    expires_in: z.int().meta({ description: 'Seconds that it can be used.' }),
  })
  .meta({ id: 'SecondFactorNeeded', examples: [{ second_factor_token: 'q3vF...', expires_in: 300 }] });

const SecondFactorLogin = z
  .strictObject({ second_factor_token: z.string().min(1).max(512), code: Code })
  .meta({ id: 'SecondFactorLogin', examples: [{ second_factor_token: 'q3vF...', code: '123456' }] });

const tags = ['auth'];
// Tokens are in the answer; RFC 6749, section 5.1.
const noStore = { 'cache-control': 'no-store' };

/** Where a form gives tokens for a password: what the document names as the flow of OAuth2. */
export const TOKEN_PATH = '/api/v1/auth/token';

export interface AuthRouteParts {
  users: UserService;
  sessions: Sessions;
  throttle: Throttle;
  tokens: SingleUseTokens<Purpose>;
  secondFactors: SecondFactors;
  authenticate: Authenticator<Principal>;
}

type Known = NonNullable<Awaited<ReturnType<UserService['authenticate']>>>;

/** `/api/v1/auth/`: login, refresh, logout. */
export function authRoutes(parts: AuthRouteParts): Route[] {
  const { users, sessions, throttle, tokens, secondFactors, authenticate } = parts;
  const clientOf = (exchange: Exchange) => ({
    address: exchange.peer,
    userAgent: exchange.header('user-agent') ?? '',
  });

  /** Who has this password. A wrong one counts, whichever way it came. */
  const prove = async (address: string, secret: string, exchange: Exchange): Promise<Known> => {
    const attempt = await throttle.attempt({ address: exchange.peer, account: address });
    const known = await users.authenticate(address, secret, { from: exchange.peer }).catch(async (error: unknown) => {
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
    return known;
  };

  const begin = async ({ user, confirm }: Known, exchange: Exchange): Promise<z.output<typeof Tokens>> =>
    toTokenResponse(await sessions.start({ subject: user.id, confirm, ...clientOf(exchange) }));

  const login = route({
    method: 'POST',
    path: '/api/v1/auth/login',
    operationId: 'login',
    summary: 'Log in with email address and password',
    description:
      'Send `access_token` as `Authorization: Bearer <token>`. 202 says that a code of the second factor is needed too. ' +
      'Too many wrong passwords are answered with 429 for a while.',
    tags,
    auth: false,
    body: Login,
    responses: { 200: Tokens, 202: SecondFactorNeeded },
    problems: [401, 429, 503],
    async handler({ body, exchange }) {
      const known = await prove(body.email, body.password, exchange);
      const subject = known.user.id;
      if ((await secondFactors.status(subject)).enrolled) {
        const half = await tokens.issue('second-factor', { subject, data: known.proof });
        const expires_in = Math.floor((half.expiresAt.getTime() - Date.now()) / 1000);
        return reply(202, { second_factor_token: half.token, expires_in }, noStore);
      }
      return reply(200, await begin(known, exchange), noStore);
    },
  });

  const form = route({
    method: 'POST',
    path: TOKEN_PATH,
    operationId: 'loginByForm',
    summary: 'Log in by a form, as the password flow of OAuth2 has it',
    description:
      'As `login`, with its limits and its errors, for programs that know OAuth2 and for **Authorize** on the page. It has ' +
      'no place for a code of the second factor: whoever needs one is refused with `auth.step_up_required`.',
    tags,
    auth: false,
    body: formBody(PasswordGrant),
    responses: { 200: Tokens },
    problems: [401, 429, 503],
    async handler({ body, exchange }) {
      const known = await prove(body.username, body.password, exchange);
      if ((await secondFactors.status(known.user.id)).enrolled) {
        throw authErrors.step_up_required('This account has a second factor: log in by /api/v1/auth/login.', {
          headers: { 'www-authenticate': 'Bearer error="insufficient_user_authentication"' },
        });
      }
      return reply(200, await begin(known, exchange), noStore);
    },
  });

  const second = route({
    method: 'POST',
    path: '/api/v1/auth/login/second-factor',
    operationId: 'loginWithSecondFactor',
    summary: 'Complete a login by a code of the authenticator app, or by a recovery code',
    description: 'A wrong code leaves the token good; too many are answered with 429 for a while.',
    tags,
    auth: false,
    body: SecondFactorLogin,
    responses: { 200: Tokens },
    problems: [400, 401, 429],
    async handler({ body, exchange }) {
      const token = body.second_factor_token;
      const { subject } = await tokens.peek('second-factor', token);
      const { method } = await secondFactors.verify(subject, body.code);
      const { data = '' } = await tokens.consume('second-factor', token);
      const pair = await sessions.start({
        subject,
        amr: ['pwd', method],
        // The password may have been changed since.
        confirm: () => users.isProof(subject, data),
        ...clientOf(exchange),
      });
      return reply(200, toTokenResponse(pair), noStore);
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

  return [login, form, second, refresh, logout];
}
