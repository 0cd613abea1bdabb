/** Where something stands in the claims of a token: `["realm_access", "roles"]`. */
export type ClaimPath = readonly string[];

/**
 * What the access tokens of one kind of issuer look like: data, to be taken as it is or changed by
 * `{ ...tokenProfiles.keycloak, roles: [['resource_access', 'orders', 'roles']] }`. Of each token `iss`, `iat`, `exp`,
 * the audience and the subject are required besides.
 */
export interface TokenProfile {
  /**
   * The `typ` headers of an access token, without `application/`; null for a token without one. What keeps ID tokens of
   * the same issuer out.
   */
  readonly types: readonly (string | null)[];
  /** Further claims that must be there. */
  readonly required?: readonly string[] | undefined;
  /** Claims that must have one of these values. */
  readonly expected?: Readonly<Record<string, readonly string[]>> | undefined;
  /** The claim that says whom the token is for. Default `aud`. */
  readonly audience?: string | undefined;
  /** The claim that says whose it is. Default `sub`. */
  readonly subject?: string | undefined;
  /** The claim of the session; a token may be without it. Default `sid`. */
  readonly session?: string | undefined;
  /** Lists of the account's roles; those that are there are joined. Default `[["roles"]]`. */
  readonly roles?: readonly ClaimPath[] | undefined;
  /**
   * What the token is limited to, as a list or a text with spaces; those that are there are joined, and where none is,
   * there is no limit. Default `[["scope"]]`; empty: scopes of this issuer are no limits.
   */
  readonly scopes?: readonly ClaimPath[] | undefined;
}

/**
 * Profiles of well-known issuers, as these have it without further settings.
 *
 * @example
 * ```ts
 * import { tokenProfiles } from '@ent/auth';
 *
 * const profile = { ...tokenProfiles.auth0, roles: [['https://example.com/roles']] };
 * console.log(profile.types); // [ 'at+jwt', 'jwt' ]
 * ```
 */
export const tokenProfiles = {
  /** RFC 9068, "JWT profile for OAuth 2.0 access tokens": the default. */
  rfc9068: { types: ['at+jwt'], required: ['jti'] },
  /**
   * Auth0, whose profile of a token can be its own or RFC 9068. `issuer` ends with a slash. Roles stand in a claim that
   * an action of the tenant adds: say which. For an API with RBAC, `scopes: [['permissions']]`.
   */
  auth0: { types: ['at+jwt', 'jwt'], roles: [] },
  /** Amazon Cognito, user pools: access tokens. `audience` is the id of the app client. */
  cognito: {
    types: [null],
    required: ['jti'],
    expected: { token_use: ['access'] },
    audience: 'client_id',
    session: 'origin_jti',
    roles: [['cognito:groups']],
  },
  /**
   * Microsoft Entra ID, tokens of version 2: `issuer` is `https://login.microsoftonline.com/<tenant>/v2.0`. `azp` is in
   * no ID token, whose audience may be the same.
   */
  entra: { types: ['jwt'], required: ['azp', 'tid'], expected: { ver: ['2.0'] }, scopes: [['scp']] },
  /** Firebase Authentication. `issuer` is `https://securetoken.google.com/<project>`, `audience` the project. */
  firebase: { types: ['jwt'], required: ['auth_time'], scopes: [] },
  /** ID tokens of Google, of users or of service accounts. `issuer` is `https://accounts.google.com`. */
  google: { types: ['jwt'], roles: [], scopes: [] },
  /**
   * Keycloak. Roles are those of the realm; those of a client stand in `resource_access`. Its scopes say which claims a
   * token holds. Where yours are limits: `scopes: [['scope']]`.
   */
  keycloak: {
    types: ['at+jwt', 'jwt'],
    required: ['jti'],
    expected: { typ: ['Bearer', 'DPoP'] },
    roles: [['realm_access', 'roles']],
    scopes: [],
  },
  /** Okta, custom authorization servers: `issuer` is `https://<domain>/oauth2/<server>`. `cid` is in no ID token. */
  okta: { types: [null, 'at+jwt', 'jwt'], required: ['jti', 'cid'], roles: [['groups']], scopes: [['scp']] },
} as const satisfies Readonly<Record<string, TokenProfile>>;
