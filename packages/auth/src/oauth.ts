/**
 * Logins at another issuer (OpenID Connect, OAuth 2.1), through the npm package `oauth4webapi`.
 */
import { EntError } from '@ent/errors';
import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import {
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  type Client,
  clockSkew,
  clockTolerance,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
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
import type { ClientAuthentication } from './client-authentication.ts';
import { authErrors, credentialError } from './errors.ts';
import { AuthorizationServer, clientOf } from './internal/authorization-server.ts';
import { demandText, demandTexts } from './internal/demand.ts';
import { endpointOf, trustedUrl } from './internal/discovery.ts';
import { loginStates } from './internal/login-state.ts';
import { exchange } from './internal/oauth-faults.ts';
import { tracedOutcome } from './internal/outcome.ts';
import type { Clock, Duration } from './options.ts';
import type { Secret } from './refresh-tokens.ts';

export type { ClientAuthentication } from './client-authentication.ts';

/** Where accounts log in, and as which client. */
export interface OAuthClientOptions {
  /** The issuer, whose metadata say where everything is. */
  issuer: string;
  /** This service, as the issuer knows it; with nothing but an `id` it is a public client. */
  client: ClientAuthentication | { readonly id: string };
  /** Where the browser comes back to, as the issuer knows it. Give each issuer one of its own. */
  redirectUri: string;
  /**
   * What the state of a login is sealed with: at least 32 bytes, the same in all processes. Of several the first seals,
   * and the others still open.
   */
  secret: Secret | readonly Secret[];
  /** What is asked for. Default `["openid"]`, which has to be among them. */
  scopes?: readonly string[] | undefined;
  /** Where the browser comes back to after `logoutUrl`, as the issuer knows it. Default: it stays there. */
  postLogoutRedirectUri?: string | undefined;
  /** How long a login may take. Default `"10m"`, at most `"1h"`. */
  stateTtl?: Duration | undefined;
  /** How long one answer may take. Default `"5s"`. */
  timeout?: Duration | undefined;
  /** Takes `http:` from other machines too, for a network of your own. Default false. */
  allowHttp?: boolean | undefined;
  /** For a proxy or a certificate of your own. Default: the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** What a login begins with. */
export interface StartLogin {
  /** Comes back with the callback: where the account wanted to go. Look at it as at anything that a browser sends. */
  returnTo?: string | undefined;
  /** How the issuer is to ask: `login` (anew), `consent`, `select_account`, or `none` (not at all). */
  prompt?: string | undefined;
  /** How old a login at the issuer may be; older ones are refused. */
  maxAge?: Duration | undefined;
  /** Whom the issuer is to ask for: a mail address. */
  loginHint?: string | undefined;
  /** Levels of assurance, the best first. Look at `claims.acr` afterwards: the issuer need not heed them. */
  acrValues?: readonly string[] | undefined;
}

/** A login that has begun. */
export interface StartedLogin {
  /** Send the browser here. */
  readonly url: string;
  /** For a cookie that only the callback reads: `__Host-login`, `HttpOnly`, `Secure`, `SameSite=Lax`. Sealed. */
  readonly state: string;
}

/** Tokens of the issuer, for calls in the account's name. */
export interface OAuthTokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly idToken: string | undefined;
  /** What was granted, where the issuer says so. */
  readonly scopes: readonly string[] | undefined;
  readonly expiresAt: Date | undefined;
}

/** A login that has succeeded. */
export interface OAuthLogin {
  /** Who logged in: by issuer and subject together, which never change. A mail address is no identity. */
  readonly issuer: string;
  readonly subject: string;
  /** All claims of the ID token. */
  readonly claims: IDToken;
  readonly tokens: OAuthTokens;
  readonly returnTo: string | undefined;
}

/** Logins at one issuer. */
export interface OAuthClient {
  /** @throws `auth.issuer_unavailable` */
  start(options?: StartLogin): Promise<StartedLogin>;
  /**
   * Ends a login: checks the callback, exchanges its code, and checks the ID token.
   *
   * @param url of the callback, as it came: `request.url` of `node:http`, or an absolute one
   * @param state out of the cookie; remove that one, whatever comes out
   * @throws `auth.login_failed`, whatever is wrong; `auth.issuer_unavailable`
   */
  callback(url: string, state: string | undefined): Promise<OAuthLogin>;
  /**
   * New tokens. Where the issuer gives a new refresh token, the old one may be good no more.
   *
   * @param subject whose they are: tokens of somebody else are refused
   * @throws `auth.refresh_invalid`; `auth.issuer_unavailable`
   */
  refresh(refreshToken: string, subject: string): Promise<OAuthTokens>;
  /**
   * Where the browser goes to log out at the issuer too (RP-initiated logout); undefined where the issuer has no such
   * place. End the session here first.
   *
   * @param idToken of the login, without which many issuers ask
   */
  logoutUrl(idToken?: string): Promise<string | undefined>;
}

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
const START = { returnTo: true, prompt: true, maxAge: true, loginHint: true, acrValues: true } as const;
const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'];
const MAX_STATE_TTL_MS = 3_600_000;
const TOLERANCE_S = 5;
/** A cookie has 4,096 bytes at most, and the rest of the state some 500. */
const MAX_RETURN_TO = 1024;

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
    refuseUnknown(given, START, 'oauth.start', authErrors.configuration);
    const { returnTo, prompt, loginHint, acrValues } = given;
    for (const [name, value] of Object.entries({ returnTo, prompt, loginHint })) {
      if (value !== undefined) demandText(value, `oauth.start: ${name}`);
    }
    demandTexts(acrValues, 'oauth.start: acrValues');
    if (returnTo !== undefined && returnTo.length > MAX_RETURN_TO) {
      throw authErrors.configuration(`oauth.start: returnTo must have at most ${MAX_RETURN_TO} characters.`);
    }
    const maxAge =
      given.maxAge === undefined
        ? undefined
        : Math.floor(durationOption(given.maxAge, 'maxAge', authErrors.configuration) / 1000);
    const metadata = await exchange(issuer, failed, known);
    const [state, nonce, verifier] = [generateRandomState(), generateRandomNonce(), generateRandomCodeVerifier()];
    const url = new URL(metadata.authorization_endpoint as string);
    const parameters = {
      client_id: client.client_id,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: scopes.join(' '),
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      prompt,
      login_hint: loginHint,
      acr_values: acrValues?.join(' '),
      max_age: maxAge?.toString(),
    };
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
    return { url: url.href, state: await states.seal({ state, nonce, verifier, maxAge, returnTo }) };
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
