/**
 * Logins at another issuer (OpenID Connect, OAuth 2.1), through the npm package `oauth4webapi`.
 */
import { EntError } from '@ent/errors';
import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import {
  authorizationCodeGrantRequest,
  type Client,
  clockSkew,
  clockTolerance,
  getValidatedIdTokenClaims,
  type IDToken,
  processAuthorizationCodeResponse,
  processRefreshTokenResponse,
  refreshTokenGrantRequest,
  skipAuthTimeCheck,
  type TokenEndpointResponse,
  validateApplicationLevelSignature,
  validateAuthResponse,
} from 'oauth4webapi';
import { channels, type OAuthOperation } from './channels.ts';
import { authErrors, credentialError } from './errors.ts';
import { AuthorizationServer, clientOf } from './internal/authorization-server.ts';
import { demandText, demandTexts } from './internal/demand.ts';
import { endpointOf, trustedUrl } from './internal/discovery.ts';
import { loginRequest } from './internal/login-request.ts';
import { loginStates } from './internal/login-state.ts';
import { exchange } from './internal/oauth-faults.ts';
import { tracedOutcome } from './internal/outcome.ts';
import type {
  OAuthClient,
  OAuthClientOptions,
  OAuthLogin,
  OAuthTokens,
  StartedLogin,
  StartLogin,
} from './oauth-options.ts';

export type { ClientAuthentication } from './client-authentication.ts';
export type {
  OAuthClient,
  OAuthClientOptions,
  OAuthLogin,
  OAuthTokens,
  StartedLogin,
  StartLogin,
} from './oauth-options.ts';

const OPTIONS = {
  issuer: true,
  client: true,
  redirectUri: true,
  secret: true,
  scopes: true,
  postLogoutRedirectUri: true,
  stateTtl: true,
  timeout: true,
  allowHttp: true,
  fetch: true,
  now: true,
} as const;
const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'];
const MAX_STATE_TTL_MS = 3_600_000;
const TOLERANCE_S = 5;

/**
 * A client of an OpenID provider: the code flow, always with PKCE, state and nonce; the issuer is compared everywhere,
 * also with the `iss` of the callback (RFC 9207), and the signature of the ID token is checked. Needs
 * `npm install oauth4webapi`.
 *
 * @throws `auth.configuration` for options that cannot work
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { createOAuthClient } from '@ent/auth/oauth';
 *
 * const google = createOAuthClient({
 *   issuer: 'https://accounts.google.com',
 *   client: { id: 'of the console', secret: 'of the environment' },
 *   redirectUri: 'https://app.example.com/login/google',
 *   secret: 'of the environment, at least 32 bytes',
 *   scopes: ['openid', 'email'],
 * });
 * const cookie = '__Host-login=; Path=/; HttpOnly; Secure; SameSite=Lax';
 * const server = createServer(async (request, response) => {
 *   if (request.url === '/login') {
 *     const { url, state } = await google.start();
 *     const headers = { location: url, 'set-cookie': cookie.replace('=', `=${state}`) };
 *     return void response.writeHead(303, headers).end();
 *   }
 *   const state = /(?:^|; )__Host-login=([\w.-]+)/.exec(request.headers.cookie ?? '')?.[1];
 *   const { issuer, subject } = await google.callback(request.url ?? '', state);
 *   response.writeHead(200, { 'set-cookie': `${cookie}; Max-Age=0` }).end(`${subject} of ${issuer}`);
 * });
 * console.log(typeof server);
 * ```
 */
export function createOAuthClient(options: OAuthClientOptions): OAuthClient {
  refuseUnknown(options, OPTIONS, 'createOAuthClient', authErrors.configuration);
  const { redirectUri, postLogoutRedirectUri, scopes = ['openid'], allowHttp = false, now = Date.now } = options;
  const server = new AuthorizationServer(options, 'createOAuthClient');
  const { issuer } = server;
  const { client, authentication } = clientOf(options.client, 'createOAuthClient: client');
  for (const [name, value] of Object.entries({ redirectUri, postLogoutRedirectUri })) {
    if (value !== undefined) trustedUrl(value, `createOAuthClient: "${name}"`, allowHttp);
    else if (name === 'redirectUri') throw authErrors.configuration('createOAuthClient: "redirectUri" is missing.');
  }
  demandTexts(scopes, 'createOAuthClient: scopes');
  if (!scopes.includes('openid') || scopes.some((scope) => !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))) {
    throw authErrors.configuration('createOAuthClient: "scopes" must be words, with "openid" among them.');
  }
  const ttlMs = durationOption(options.stateTtl ?? '10m', 'stateTtl', authErrors.configuration);
  if (ttlMs > MAX_STATE_TTL_MS) throw authErrors.configuration('createOAuthClient: "stateTtl" must be at most 1 h.');
  const whose = JSON.stringify([issuer, client.client_id, redirectUri]);
  const states = loginStates([options.secret].flat(), { whose, ttlMs, now });

  /** The client by our clock. */
  const timed = (): Client => ({
    ...client,
    [clockSkew]: Math.round((now() - Date.now()) / 1000),
    [clockTolerance]: TOLERANCE_S,
  });

  const known = () => server.server(ENDPOINTS);

  const tokensOf = (result: TokenEndpointResponse): OAuthTokens => ({
    accessToken: result.access_token,
    refreshToken: result.refresh_token,
    idToken: result.id_token,
    scopes: result.scope?.split(' '),
    expiresAt: result.expires_in === undefined ? undefined : new Date(now() + result.expires_in * 1000),
  });

  const begin = async (given: StartLogin): Promise<StartedLogin> => {
    const request = loginRequest(given);
    const metadata = await exchange(issuer, failed, known);
    const { parameters, login } = await request();
    const url = new URL(metadata.authorization_endpoint as string);
    const all = { client_id: client.client_id, redirect_uri: redirectUri, scope: scopes.join(' '), ...parameters };
    for (const [name, value] of Object.entries(all)) if (value !== undefined) url.searchParams.set(name, value);
    return { url: url.href, state: await states.seal(login) };
  };

  const end = async (url: string, sealed: string | undefined): Promise<OAuthLogin> => {
    demandText(url, 'oauth.callback: url');
    if (!URL.canParse(url, redirectUri)) throw failed('url');
    // Without the cookie somebody else began this login, or nobody here (login CSRF).
    if (typeof sealed !== 'string' || sealed === '') throw failed('state_missing');
    const login = await states.open(sealed);
    if (login === undefined) throw failed('state');
    return exchange(issuer, failed, async () => {
      const metadata = await known();
      const ours = timed();
      const parameters = validateAuthResponse(metadata, ours, new URL(url, redirectUri), login.state);
      const more = server.requestOptions();
      const response = await authorizationCodeGrantRequest(
        metadata,
        ours,
        authentication,
        parameters,
        redirectUri,
        login.verifier,
        more,
      );
      const result = await processAuthorizationCodeResponse(metadata, ours, response, {
        expectedNonce: login.nonce,
        requireIdToken: true,
        maxAge: login.maxAge ?? skipAuthTimeCheck,
      });
      await validateApplicationLevelSignature(metadata, response, more);
      const claims = getValidatedIdTokenClaims(result) as IDToken;
      return { issuer, subject: claims.sub, claims, tokens: tokensOf(result), returnTo: login.returnTo };
    });
  };

  const renew = (refreshToken: string, subject: string): Promise<OAuthTokens> => {
    const refused = (reason: string, cause?: unknown): Error =>
      credentialError('refresh_invalid', 'The refresh token was refused.', reason, cause);
    return exchange(issuer, refused, async () => {
      const metadata = await known();
      const ours = timed();
      const more = server.requestOptions();
      const response = await refreshTokenGrantRequest(metadata, ours, authentication, refreshToken, more);
      const result = await processRefreshTokenResponse(metadata, ours, response);
      const claims = getValidatedIdTokenClaims(result);
      if (claims !== undefined) {
        await validateApplicationLevelSignature(metadata, response, more);
        if (claims.sub !== subject) throw refused('subject');
      }
      return tokensOf(result);
    });
  };

  const traced = <T>(operation: OAuthOperation['operation'], work: () => Promise<T>): Promise<T> =>
    tracedOutcome<OAuthOperation, T>(channels.oauth, { operation, source: issuer }, async (event) => {
      try {
        return await work();
      } catch (error) {
        const { code, details } = EntError.is(error) ? error : {};
        // It may have moved.
        if (code === authErrors.issuer_unavailable.code) server.forget();
        event.outcome = typeof details?.reason === 'string' ? details.reason : 'failed';
        throw error;
      }
    });

  return {
    start: (given = {}) => traced('start', () => begin(given)),
    callback: (url, state) => traced('callback', () => end(url, state)),
    refresh: (refreshToken, subject) =>
      traced('refresh', async () => {
        demandText(refreshToken, 'oauth.refresh: the refresh token');
        demandText(subject, 'oauth.refresh: the subject');
        return renew(refreshToken, subject);
      }),
    async logoutUrl(idToken) {
      if (idToken !== undefined && typeof idToken !== 'string') {
        throw authErrors.configuration(`oauth.logoutUrl: idToken must be a text; got ${kindOf(idToken)}.`);
      }
      const metadata = await exchange(issuer, failed, () => server.metadata());
      if (metadata.end_session_endpoint === undefined) return undefined;
      const url = endpointOf(metadata, 'end_session_endpoint', allowHttp);
      url.searchParams.set('client_id', client.client_id);
      if (idToken !== undefined) url.searchParams.set('id_token_hint', idToken);
      if (postLogoutRedirectUri !== undefined) {
        url.searchParams.set('post_logout_redirect_uri', postLogoutRedirectUri);
      }
      return url.href;
    },
  };
}

function failed(reason: string, cause?: unknown): Error {
  return authErrors.login_failed('The login at the other issuer failed.', { cause, details: { reason } });
}
