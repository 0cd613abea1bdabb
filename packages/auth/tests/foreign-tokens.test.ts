import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AccessTokenVerifierOptions,
  createAccessTokenVerifier,
  createPolicy,
  createRemoteKeys,
  type Principal,
  type TokenProfile,
  tokenProfiles,
} from '../src/index.ts';
import { type Issuer, type IssuerKey, makeKey, metadataPath, signedBy, startIssuer } from './support/issuer.ts';

// Tokens as these issuers make them, by their documentation of November 2026: header, claims, keys with and without
// `alg`. They are made and signed here, by an issuer that is asked over HTTP for its metadata and keys.

const START = Date.UTC(2030, 0, 1);
const iat = START / 1000;
const times = { iat, exp: iat + 3600 };

interface Shape {
  readonly path: string;
  readonly audience: string;
  readonly profile: TokenProfile;
  readonly alg: string;
  /** The key as it is published, besides its numbers. */
  readonly published: object;
  readonly header: object;
  readonly claims: object;
  readonly principal: Partial<Principal>;
  /** What else the same issuer signs, by which nobody gets in: header and claims. */
  readonly others: Readonly<Record<string, readonly [object, object]>>;
}

const id = '7f3c1a52-0e57-4a0b-9d1c-2f6f8a4b9e01';

const shapes: Readonly<Record<string, Shape>> = {
  'Keycloak 26': {
    path: '/realms/shop',
    audience: 'orders',
    profile: tokenProfiles.keycloak,
    alg: 'RS256',
    published: { alg: 'RS256', use: 'sig', x5t: 'dGh1bWI', x5c: ['MIIC'] },
    header: { typ: 'JWT' },
    claims: {
      ...times,
      auth_time: iat - 5,
      jti: `onrtac:${id}`,
      aud: ['orders', 'account'],
      sub: id,
      typ: 'Bearer',
      azp: 'web',
      sid: 'c2d3',
      acr: '1',
      'allowed-origins': ['https://shop.example.com'],
      realm_access: { roles: ['clerk', 'offline_access'] },
      resource_access: { orders: { roles: ['approver'] }, account: { roles: ['view-profile'] } },
      scope: 'openid email profile',
      preferred_username: 'ann',
    },
    principal: {
      subject: id,
      sessionId: 'c2d3',
      roles: ['clerk', 'offline_access'],
      scopes: undefined,
      authenticatedAt: new Date(START - 5000),
    },
    others: {
      'ID token': [
        { typ: 'JWT' },
        { ...times, jti: 'a', aud: 'orders', sub: id, typ: 'ID', azp: 'orders', sid: 'c2d3' },
      ],
      'logout token': [{ typ: 'logout+jwt' }, { ...times, jti: 'a', aud: 'orders', sub: id, typ: 'Logout' }],
      'token of another client': [
        { typ: 'JWT' },
        { ...times, jti: 'a', aud: 'account', sub: id, typ: 'Bearer', azp: 'orders' },
      ],
    },
  },
  'Auth0, its own profile': {
    path: '/',
    audience: 'https://orders.example.com',
    profile: { ...tokenProfiles.auth0, roles: [['https://shop.example.com/roles']] },
    alg: 'RS256',
    published: { alg: 'RS256', use: 'sig', x5t: 'dGh1bWI' },
    header: { typ: 'JWT' },
    claims: {
      ...times,
      sub: 'auth0|65f1',
      aud: ['https://orders.example.com', 'https://shop.eu.auth0.com/userinfo'],
      azp: 'web',
      scope: 'openid profile orders:read',
      'https://shop.example.com/roles': ['clerk'],
    },
    principal: {
      subject: 'auth0|65f1',
      sessionId: undefined,
      tokenId: undefined,
      roles: ['clerk'],
      scopes: ['openid', 'profile', 'orders:read'],
    },
    others: { 'ID token': [{ typ: 'JWT' }, { ...times, sub: 'auth0|65f1', aud: 'web', sid: 's', nonce: 'n' }] },
  },
  'Auth0, RFC 9068': {
    path: '/',
    audience: 'https://orders.example.com',
    profile: { ...tokenProfiles.auth0, scopes: [['permissions']] },
    alg: 'PS256',
    published: { alg: 'PS256', use: 'sig' },
    header: { typ: 'at+jwt' },
    claims: {
      ...times,
      sub: 'auth0|65f1',
      aud: 'https://orders.example.com',
      client_id: 'web',
      jti: 'j1',
      scope: 'openid',
      permissions: ['orders:read'],
    },
    principal: { subject: 'auth0|65f1', tokenId: 'j1', roles: [], scopes: ['orders:read'] },
    others: {},
  },
  'Microsoft Entra ID, version 2': {
    path: `/${id}/v2.0`,
    audience: '11112222-aaaa-bbbb-cccc-3333dddd4444',
    profile: tokenProfiles.entra,
    alg: 'RS256',
    // Its keys do not say for which algorithm they are.
    published: { use: 'sig', x5t: 'dGh1bWI', x5c: ['MIIC'], issuer: 'https://login.microsoftonline.com/x/v2.0' },
    header: { typ: 'JWT' },
    claims: {
      ...times,
      nbf: iat,
      aud: '11112222-aaaa-bbbb-cccc-3333dddd4444',
      azp: 'web',
      azpacr: '0',
      name: 'Ann',
      oid: id,
      rh: '0.AX',
      roles: ['Orders.Approve'],
      scp: 'Orders.Read Orders.Write',
      sub: 'pairwise',
      tid: id,
      uti: 'uti1',
      ver: '2.0',
    },
    principal: { subject: 'pairwise', roles: ['Orders.Approve'], scopes: ['Orders.Read', 'Orders.Write'] },
    others: {
      'ID token for the same application': [
        { typ: 'JWT' },
        {
          ...times,
          nbf: iat,
          aud: '11112222-aaaa-bbbb-cccc-3333dddd4444',
          sub: 'pairwise',
          tid: id,
          ver: '2.0',
          nonce: 'n',
        },
      ],
      'token of version 1': [
        { typ: 'JWT' },
        { ...times, aud: '11112222-aaaa-bbbb-cccc-3333dddd4444', sub: 'p', tid: id, ver: '1.0', appid: 'w', azp: 'w' },
      ],
    },
  },
  'Amazon Cognito': {
    path: '/eu-west-1_Abc123',
    audience: '1example23456789',
    profile: tokenProfiles.cognito,
    alg: 'RS256',
    published: { alg: 'RS256', use: 'sig' },
    header: {},
    claims: {
      ...times,
      sub: id,
      'cognito:groups': ['clerks'],
      client_id: '1example23456789',
      origin_jti: 'o1',
      event_id: 'e1',
      token_use: 'access',
      scope: 'orders/read',
      auth_time: iat,
      jti: 'j1',
      username: 'ann',
    },
    principal: { subject: id, sessionId: 'o1', tokenId: 'j1', roles: ['clerks'], scopes: ['orders/read'] },
    others: {
      'ID token': [{}, { ...times, sub: id, aud: '1example23456789', token_use: 'id', jti: 'j1', origin_jti: 'o1' }],
      'ID token that also says the client': [
        {},
        { ...times, sub: id, aud: '1example23456789', client_id: '1example23456789', token_use: 'id', jti: 'j1' },
      ],
      'token for another client': [{}, { ...times, sub: id, client_id: 'other', token_use: 'access', jti: 'j1' }],
    },
  },
  'Okta, custom authorization server': {
    path: '/oauth2/default',
    audience: 'api://default',
    profile: tokenProfiles.okta,
    alg: 'RS256',
    published: { alg: 'RS256', use: 'sig' },
    header: {},
    claims: {
      ...times,
      ver: 1,
      jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
      aud: 'api://default',
      cid: '0oa1',
      uid: '00u1',
      scp: ['openid', 'orders:read'],
      auth_time: iat,
      sub: 'ann@example.com',
      groups: ['clerks'],
    },
    principal: { subject: 'ann@example.com', roles: ['clerks'], scopes: ['openid', 'orders:read'] },
    others: {
      'ID token': [{}, { ...times, ver: 1, jti: 'ID.a', aud: 'api://default', sub: '00u1', amr: ['pwd'], nonce: 'n' }],
    },
  },
  'Google, a service account': {
    path: '',
    audience: 'https://orders.example.com',
    profile: tokenProfiles.google,
    alg: 'RS256',
    published: { alg: 'RS256', use: 'sig' },
    header: { typ: 'JWT' },
    claims: {
      ...times,
      aud: 'https://orders.example.com',
      azp: '1046',
      sub: '1046',
      email: 'caller@project.iam.gserviceaccount.com',
      email_verified: true,
    },
    principal: { subject: '1046', roles: [], scopes: undefined },
    others: {
      'token for another service': [{ typ: 'JWT' }, { ...times, aud: 'https://mail.example.com', sub: '1046' }],
    },
  },
  Firebase: {
    path: '/shop-1234',
    audience: 'shop-1234',
    profile: tokenProfiles.firebase,
    alg: 'RS256',
    published: { alg: 'RS256', use: 'sig' },
    header: { typ: 'JWT' },
    claims: {
      ...times,
      aud: 'shop-1234',
      auth_time: iat,
      user_id: 'u1',
      sub: 'u1',
      roles: ['clerk'],
      email: 'ann@example.com',
      firebase: { identities: { email: ['ann@example.com'] }, sign_in_provider: 'password' },
    },
    principal: { subject: 'u1', roles: ['clerk'], scopes: undefined, authenticatedAt: new Date(START) },
    others: { 'token without a login': [{ typ: 'JWT' }, { ...times, aud: 'shop-1234', sub: 'u1' }] },
  },
};

describe.each(Object.entries(shapes))('a token of %s', (_name, shape) => {
  let issuer: Issuer;
  let key: IssuerKey;
  beforeAll(async () => {
    key = await makeKey('k1', shape.alg, shape.published);
    issuer = await startIssuer(shape.path, key);
  });
  afterAll(() => issuer.stop());

  const verifierOf = (options: Partial<AccessTokenVerifierOptions> = {}) =>
    createAccessTokenVerifier({
      issuer: issuer.issuer,
      audience: shape.audience,
      profile: shape.profile,
      now: () => START,
      ...options,
    });
  const token = (claims: object = {}, header = shape.header): Promise<string> =>
    signedBy(key, { iss: issuer.issuer, ...shape.claims, ...claims }, header);
  const refused = (reason: unknown = expect.any(String)) => ({ code: 'auth.token_invalid', details: { reason } });

  it('is verified by nothing but issuer, audience and profile', async () => {
    const verifier = verifierOf();
    const principal = await verifier.verify(await token());
    expect(principal).toMatchObject({
      issuer: issuer.issuer,
      expiresAt: new Date(START + 3_600_000),
      ...shape.principal,
    });
    expect(issuer.asked).toEqual([metadataPath(shape.path), '/keys/jwks.json']);
    // And remembered: the same answer without the issuer.
    expect(await verifier.verify(await token())).toEqual(principal);
  });

  it('is refused with another issuer, audience, end, beginning or key', async () => {
    const verifier = verifierOf({ keys: createRemoteKeys({ issuer: issuer.issuer, cooldown: 1 }) });
    const audience = shape.profile.audience ?? 'aud';
    const refusals: [string, Promise<string>][] = [
      ['claim_iss', token({ iss: `${issuer.issuer}x` })],
      [`claim_${audience}`, token({ [audience]: 'other' })],
      [`claim_${audience}`, token({ [audience]: undefined })],
      ['expired', token({ exp: iat - 60 })],
      ['claim_exp', token({ exp: undefined })],
      ['claim_iat', token({ iat: iat + 60 })],
      ['claim_nbf', token({ nbf: iat + 60 })],
      [
        'signature',
        makeKey('k1', shape.alg).then((other) =>
          signedBy(other, { iss: issuer.issuer, ...shape.claims }, shape.header),
        ),
      ],
      [
        'unknown_key',
        makeKey('k2', shape.alg).then((other) =>
          signedBy(other, { iss: issuer.issuer, ...shape.claims }, shape.header),
        ),
      ],
      [
        'algorithm',
        makeKey('k1', 'ES256').then((other) => signedBy(other, { iss: issuer.issuer, ...shape.claims }, shape.header)),
      ],
      ['claim_typ', token({}, { typ: 'id+jwt' })],
    ];
    for (const [reason, made] of refusals) {
      await expect(verifier.verify(await made)).rejects.toMatchObject(refused(reason));
    }
  });

  it.each(Object.entries(shape.others))('is no %s', async (_other, [header, claims]) => {
    const other = await signedBy(key, { iss: issuer.issuer, ...claims }, header);
    await expect(verifierOf().verify(other)).rejects.toMatchObject(refused(expect.stringMatching(/^claim_/)));
  });
});

describe('what an issuer says', () => {
  let issuer: Issuer;
  let key: IssuerKey;
  beforeAll(async () => {
    key = await makeKey('k1', 'ES384');
    issuer = await startIssuer('', key);
  });
  afterAll(() => issuer.stop());

  const about = () => ({ issuer: issuer.issuer, audience: 'orders', now: () => START });
  const token = (claims: object, header: object = { typ: 'at+jwt' }) =>
    signedBy(
      key,
      { iss: issuer.issuer, aud: 'orders', sub: 'ann', jti: 'j1', client_id: 'web', ...times, ...claims },
      header,
    );

  it('is by default read as RFC 9068 has it, and a token of another type is none', async () => {
    const verifier = createAccessTokenVerifier(about());
    const principal = await verifier.verify(
      await token({ scope: 'orders:read orders:list', roles: ['clerk'], tenant: 't' }),
    );
    expect(principal).toMatchObject({
      subject: 'ann',
      sessionId: undefined,
      scopes: ['orders:read', 'orders:list'],
      roles: ['clerk'],
      claims: { client_id: 'web', tenant: 't' },
    });
    for (const header of [
      { typ: 'JWT' },
      {},
      { typ: 'id_token+jwt' },
      { typ: '' },
      { typ: null },
      { typ: ['at+jwt'] },
    ]) {
      await expect(verifier.verify(await token({}, header))).rejects.toMatchObject({
        details: { reason: 'claim_typ' },
      });
    }
    await verifier.verify(await token({}, { typ: 'Application/AT+JWT' }));
  });

  it('becomes roles and permissions of ours by a mapping, once for a token', async () => {
    const names = new Map([['Clerk', 'clerk']]);
    let asked = 0;
    const verifier = createAccessTokenVerifier({
      ...about(),
      profile: { ...tokenProfiles.rfc9068, roles: [['groups'], ['app', 'roles']] },
      mapRoles: (roles, claims) => {
        asked++;
        return [...roles.flatMap((role) => names.get(role) ?? []), ...(claims['admin'] === true ? ['admin'] : [])];
      },
      mapScopes: (scopes) => scopes?.map((scope) => scope.replace('https://api.example.com/', '')),
    });
    const text = await token({
      groups: ['Clerk', '__proto__'],
      app: { roles: ['Clerk', 'Other'] },
      admin: true,
      scope: 'https://api.example.com/orders:read',
    });
    for (let i = 0; i < 3; i++) {
      const principal = await verifier.verify(text);
      expect(principal).toMatchObject({ roles: ['clerk', 'clerk', 'admin'], scopes: ['orders:read'] });
      const policy = createPolicy({ roles: { clerk: { allow: ['orders:*'] }, admin: { allow: ['**'] } } });
      expect(policy.can(principal, 'orders:read')).toBe(true);
      expect(policy.can(principal, 'orders:delete')).toBe(false);
    }
    expect(asked).toBe(1);
  });

  it.each<[string, Partial<AccessTokenVerifierOptions>]>([
    [
      'throws',
      {
        mapRoles: () => {
          throw new Error('no');
        },
      },
    ],
    ['gives no list', { mapRoles: () => 'admin' as never }],
    ['gives nothing', { mapRoles: () => undefined as never }],
    ['gives no list of scopes', { mapScopes: () => 'orders:read' as never }],
    ['forgets to give the scopes', { mapScopes: () => undefined }],
  ])('lets nobody in where the mapping %s', async (_name, options) => {
    const verifier = createAccessTokenVerifier({ ...about(), ...options });
    await expect(verifier.verify(await token({ scope: 'a' }))).rejects.toMatchObject({
      code: expect.stringMatching(/^auth\./),
    });
  });

  it.each<[string, object]>([
    ['roles as a text', { roles: 'admin' }],
    ['roles in a role', { roles: [['admin']] }],
    ['scopes as a number', { scope: 7 }],
    ['an empty subject', { sub: '' }],
    ['a list of subjects', { sub: ['ann'] }],
    ['a session that is a number', { sid: 7 }],
    ['an audience within an object', { aud: { orders: true } }],
  ])('is refused with %s', async (_name, claims) => {
    await expect(createAccessTokenVerifier(about()).verify(await token(claims))).rejects.toMatchObject({
      code: 'auth.token_invalid',
    });
  });

  it('is for any of the names of this service', async () => {
    const verifier = createAccessTokenVerifier({ ...about(), audience: ['shop', 'orders'] });
    await verifier.verify(await token({ aud: ['x', 'shop'] }));
    await verifier.verify(await token({}));
    await expect(verifier.verify(await token({ aud: 'x' }))).rejects.toMatchObject({
      details: { reason: 'claim_aud' },
    });
  });

  it('is accepted with the algorithms that were asked for only', async () => {
    const verifier = createAccessTokenVerifier({ ...about(), algorithms: ['ES256', 'RS256'] });
    await expect(verifier.verify(await token({}))).rejects.toMatchObject({ code: expect.stringMatching(/^auth\./) });
    await createAccessTokenVerifier({ ...about(), algorithms: ['ES384'] }).verify(await token({}));
  });

  it.each<[string, object]>([
    ['an unknown option', { profile: { ...tokenProfiles.rfc9068, type: [] } }],
    ['no types', { profile: {} }],
    ['an empty list of types', { profile: { types: [] } }],
    ['a path that is a text', { profile: { types: ['jwt'], roles: ['roles'] } }],
    ['an empty path', { profile: { types: ['jwt'], scopes: [[]] } }],
    ['expected claims that are no lists', { profile: { types: ['jwt'], expected: { token_use: 'access' } } }],
    ['no name of the audience', { profile: { types: ['jwt'], audience: '' } }],
    ['a mapping that is no function', { mapRoles: { Clerk: 'clerk' } }],
    ['no audience', { audience: [] }],
    ['an empty audience among others', { audience: ['orders', ''] }],
    ['HS256', { algorithms: ['HS256'] }],
    ['an issuer that is no https URL', { issuer: 'http://auth.example.com' }],
  ])('is not read by options with %s', (_name, options) => {
    const make = () => createAccessTokenVerifier({ issuer: 'https://a.example.com', audience: 'a', ...options });
    expect(make).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
  });

  it.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'])(
    'is verified with %s, and with no other algorithm of the same key',
    async (alg) => {
      const own = await makeKey('own', alg);
      const other = await startIssuer('', own);
      const verifier = createAccessTokenVerifier({ issuer: other.issuer, audience: 'orders', now: () => START });
      const claims = { iss: other.issuer, aud: 'orders', sub: 'ann', jti: 'j1', ...times };
      expect((await verifier.verify(await signedBy(own, claims, { typ: 'at+jwt' }))).subject).toBe('ann');
      if (own.jwk.kty === 'RSA') {
        const { createPrivateKey, constants, sign } = await import('node:crypto');
        const pem = createPrivateKey({ key: await (await import('jose')).exportJWK(own.privateKey), format: 'jwk' });
        for (const [name, padding] of [
          ['RS256', constants.RSA_PKCS1_PADDING],
          ['PS256', constants.RSA_PKCS1_PSS_PADDING],
        ] as const) {
          if (name === alg) continue;
          const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
          const input = `${part({ alg: name, kid: 'own', typ: 'at+jwt' })}.${part(claims)}`;
          const signature = sign('sha256', Buffer.from(input), { key: pem, padding, saltLength: 32 });
          await expect(verifier.verify(`${input}.${signature.toString('base64url')}`)).rejects.toMatchObject({
            details: { reason: 'algorithm' },
          });
        }
      }
      await other.stop();
    },
  );
});
