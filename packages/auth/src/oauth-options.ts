import type { IDToken } from 'oauth4webapi';
import type { ClientAuthentication } from './client-authentication.ts';
import type { Clock, Duration } from './options.ts';
import type { Secret } from './refresh-tokens.ts';

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
