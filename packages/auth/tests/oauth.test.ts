import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  channels,
  createAccessTokens,
  createKeyRing,
  createSessions,
  generateKey,
  type OAuthOperation,
  type SigningKey,
} from '../src/index.ts';
import { createOAuthClient, type OAuthClientOptions, type OAuthLogin, type StartLogin } from '../src/oauth.ts';
import { createIdentities } from '../src/identities.ts';
import { memoryIdentityStore, memoryStores } from '../src/stores.ts';
import { Browser } from './support/browser.ts';
import { startProvider, type TestProvider } from './support/provider.ts';

const CALLBACK = 'https://app.example.com/login/callback';
const GOODBYE = 'https://app.example.com/goodbye';
const TOKEN = '/token';

let server: TestProvider;
let key: SigningKey;
beforeAll(async () => {
  ({ key } = await generateKey('ES256'));
  const client = {
    redirect_uris: [CALLBACK],
    post_logout_redirect_uris: [GOODBYE],
    grant_types: ['authorization_code', 'refresh_token'],
  };
  server = await startProvider(
    [
      { ...client, client_id: 'app', client_secret: 'secret' },
      { ...client, client_id: 'native', token_endpoint_auth_method: 'none' },
      {
        ...client,
        client_id: 'app-key',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...key.jwk }] },
      },
    ],
    { rpInitiatedLogout: { enabled: true } },
    { scopes: ['openid', 'offline_access', 'email'], claims: { email: ['email'], acr: null, auth_time: null } },
  );
});
afterAll(() => server.stop());
afterEach(() => server.instead.clear());

function setUp(more: Partial<OAuthClientOptions> = {}) {
  const clock = { ahead: 0 };
  const client = createOAuthClient({
    issuer: server.issuer,
    client: { id: 'app', secret: 'secret' },
    redirectUri: CALLBACK,
    secret: 's'.repeat(32),
    now: () => Date.now() + clock.ahead,
    ...more,
  });
  const login = async (options: StartLogin = {}, browser = new Browser(server)) => {
    const { url, state } = await client.start(options);
    return { state, url: await browser.visit(url) };
  };
  return { client, clock, login };
}

const failed = (reason: unknown) => ({ code: 'auth.login_failed', status: 400, details: { reason } });
const unavailable = { code: 'auth.issuer_unavailable', status: 503, retryAfterMs: 1000 };

/** The token endpoint answers with this in place of what it would. */
function says(status: number, body: unknown): void {
  const answer = (_request: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  server.instead.set(TOKEN, answer);
}

/** A login whose ID token says something else than it should, though it is signed well. */
async function calledWith(change: object): Promise<OAuthLogin> {
  const { client } = setUp();
  const { url, state } = await client.start();
  const nonce = new URL(url).searchParams.get('nonce') as string;
  const back = await new Browser(server).visit(url);
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: server.issuer, aud: 'app', sub: 'ann', iat, exp: iat + 60, nonce, ...change };
  says(200, { access_token: 'a', token_type: 'Bearer', id_token: await server.sign(claims) });
  return client.callback(back, state);
}

describe('a login at another issuer', () => {
  it.each<[string, () => OAuthClientOptions['client']]>([
    ['with a secret', () => ({ id: 'app', secret: 'secret' })],
    ['with a key', () => ({ id: 'app-key', key })],
    ['as a public client', () => ({ id: 'native' })],
  ])('says who it is, %s', async (_name, of) => {
    const { client, login } = setUp({ client: of() });
    const { url, state } = await login({ returnTo: '/cart?a=b' });
    expect(url).toMatch(/^https:\/\/app\.example\.com\/login\/callback\?code=/);
    const { pathname, search } = new URL(url);
    const done = await client.callback(`${pathname}${search}`, state);
    expect(done).toMatchObject({ issuer: server.issuer, subject: 'ann', returnTo: '/cart?a=b' });
    expect(done.claims).toMatchObject({ iss: server.issuer, sub: 'ann', aud: of().id });
    expect(done.tokens).toMatchObject({ refreshToken: undefined, scopes: ['openid'] });
    expect(done.tokens.expiresAt?.getTime()).toBeGreaterThan(Date.now());
  });

  it('ASVS 10.1.2: a login asks with PKCE, state and nonce, each time another', async () => {
    const { client } = setUp({ scopes: ['openid', 'email'] });
    const options = { prompt: 'login', maxAge: '5m', loginHint: 'ann@example.com', acrValues: ['a', 'b'] } as const;
    const [one, two] = [await client.start(options), await client.start()];
    const [first, second] = [one, two].map(({ url }) => Object.fromEntries(new URL(url).searchParams)) as [
      Record<string, string>,
      Record<string, string>,
    ];
    expect(first).toMatchObject({
      response_type: 'code',
      client_id: 'app',
      redirect_uri: CALLBACK,
      scope: 'openid email',
      code_challenge_method: 'S256',
      prompt: 'login',
      max_age: '300',
      login_hint: 'ann@example.com',
      acr_values: 'a b',
    });
    expect(Object.keys(second)).not.toContain('prompt');
    for (const name of ['state', 'nonce', 'code_challenge']) expect(first[name]).not.toBe(second[name]);
    // What the browser keeps tells nothing of them.
    expect(one.state).toMatch(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(one.state.length).toBeLessThan(4096);
  });

  it('links an account, and begins a session of ours', async () => {
    const { client, login } = setUp();
    const accessTokens = createAccessTokens({ issuer: 'me', audience: 'me', keys: createKeyRing({ active: key }) });
    const sessions = createSessions({ accessTokens, stores: memoryStores(), secret: 's'.repeat(32) });
    const identities = createIdentities({ store: memoryIdentityStore() });
    let accounts = 0;
    const enter = async (): Promise<string> => {
      const { url, state } = await login();
      const done = await client.callback(url, state);
      let account = await identities.accountOf(done);
      if (account === undefined) {
        account = `account-${++accounts}`;
        await identities.link(account, done);
      }
      const { accessToken } = await sessions.start({ subject: account, amr: ['fed'] });
      return (await sessions.verify(accessToken)).subject;
    };
    expect([await enter(), await enter()]).toEqual(['account-1', 'account-1']);
  });

  it('is refused with the word of the issuer where the account does not agree, or is not there', async () => {
    const { client } = setUp();
    const started = await client.start();
    const url = await new Browser(server).visit(started.url, 'abort');
    await expect(client.callback(url, started.state)).rejects.toMatchObject(failed('access_denied'));
    const silent = await client.start({ prompt: 'none' });
    const back = await new Browser(server).visit(silent.url);
    await expect(client.callback(back, silent.state)).rejects.toMatchObject(failed('login_required'));
  });

  it('is as new as it was asked to be', async () => {
    const { client, login, clock } = setUp();
    const browser = new Browser(server);
    const { url, state } = await login({ maxAge: '10m' }, browser);
    const { claims } = await client.callback(url, state);
    expect(claims.auth_time).toBeGreaterThan(Date.now() / 1000 - 60);
    // An issuer that takes an old login for a new one.
    const again = await login({ maxAge: '1m' }, browser);
    clock.ahead = 70_000;
    await expect(client.callback(again.url, again.state)).rejects.toMatchObject(failed('claim_auth_time'));
  });
});

describe('a callback', () => {
  it('ASVS 10.2.1: a callback is good for the browser that began, and once', async () => {
    const { client, login } = setUp();
    const [mine, other] = [await login(), await login()];
    await expect(client.callback(mine.url, undefined)).rejects.toMatchObject(failed('state_missing'));
    await expect(client.callback(mine.url, '')).rejects.toMatchObject(failed('state_missing'));
    // Somebody else's callback, in my browser.
    await expect(client.callback(other.url, mine.state)).rejects.toMatchObject(failed('response'));
    await client.callback(mine.url, mine.state);
    await expect(client.callback(mine.url, mine.state)).rejects.toMatchObject(failed('invalid_grant'));
  });

  it.each<[string, string, (url: URL) => void]>([
    ['another state', 'response', (url) => url.searchParams.set('state', 'a')],
    ['no state', 'response', (url) => url.searchParams.delete('state')],
    ['two states', 'response', (url) => url.searchParams.append('state', 'a')],
    ['no code', 'response', (url) => url.searchParams.delete('code')],
    ['another code', 'invalid_grant', (url) => url.searchParams.set('code', 'a')],
    ['the name of another issuer', 'response', (url) => url.searchParams.set('iss', 'https://other.example.com')],
    ['no issuer, of one that says who it is', 'response', (url) => url.searchParams.delete('iss')],
    ['an ID token in the address', 'unsupported', (url) => url.searchParams.set('id_token', 'a')],
    ['an error that is a text', 'error', (url) => url.searchParams.set('error', '<script>')],
  ])('is refused with %s', async (_name, reason, change) => {
    const { client, login } = setUp();
    const { url, state } = await login();
    const changed = new URL(url);
    change(changed);
    await expect(client.callback(changed.href, state)).rejects.toMatchObject(failed(reason));
  });

  it('is refused with the state of another client, issuer, secret or time', async () => {
    const { client, clock, login } = setUp({ stateTtl: '10m' });
    const { url, state } = await login();
    const others = [
      setUp({ client: { id: 'native' } }),
      setUp({ secret: 'o'.repeat(32) }),
      setUp({ redirectUri: `${CALLBACK}/2` }),
    ];
    for (const other of others) {
      await expect(other.client.callback(url, state)).rejects.toMatchObject(failed('state'));
    }
    for (const broken of ['a', `${state.slice(0, -4)}AAAA`, state.slice(1)]) {
      await expect(client.callback(url, broken)).rejects.toMatchObject(failed('state'));
    }
    for (const ahead of [600_000, -3_600_000]) {
      clock.ahead = ahead;
      await expect(client.callback(url, state)).rejects.toMatchObject(failed('state'));
    }
    clock.ahead = 0;
    await setUp({ secret: ['n'.repeat(32), 's'.repeat(32)] }).client.callback(url, state);
  });

  it('ASVS 10.2.2: an answer that names another issuer, or none, is no answer of this one', async () => {
    const { client, login } = setUp();
    for (const iss of ['https://other.example.com', undefined]) {
      const { url, state } = await login();
      const changed = new URL(url);
      changed.searchParams.delete('iss');
      if (iss !== undefined) changed.searchParams.set('iss', iss);
      await expect(client.callback(changed.href, state)).rejects.toMatchObject(failed('response'));
    }
    await expect(calledWith({ iss: 'https://other.example.com' })).rejects.toMatchObject(failed('claim_iss'));
  });

  it('ASVS 10.5.1: an ID token of another login is refused, by its nonce', async () => {
    const other = await setUp().client.start();
    const nonce = new URL(other.url).searchParams.get('nonce');
    await expect(calledWith({ nonce })).rejects.toMatchObject(failed('claim_nonce'));
  });

  it('ASVS 10.5.4: an ID token for another client is refused', async () => {
    await expect(calledWith({ aud: 'another' })).rejects.toMatchObject(failed('claim_aud'));
  });

  it('is refused with the code of another login: its PKCE differs', async () => {
    const { client, login } = setUp();
    const [mine, stolen] = [await login(), await login()];
    const url = new URL(mine.url);
    url.searchParams.set('code', new URL(stolen.url).searchParams.get('code') ?? '');
    await expect(client.callback(url.href, mine.state)).rejects.toMatchObject(failed('invalid_grant'));
  });

  it.each<[string, object]>([
    ['ok', {}],
    ['claim_nonce', { nonce: 'another' }],
    ['response', { nonce: undefined }],
    ['claim_aud', { aud: 'another' }],
    ['claim_iss', { iss: 'https://other.example.com' }],
    ['claim_exp', { exp: 1 }],
    ['claim_nbf', { nbf: 9_999_999_999 }],
    ['response', { sub: undefined }],
    ['claim_azp', { aud: ['app', 'another'], azp: 'another' }],
    ['response', { iat: undefined }],
  ])('ends with %s where the ID token says %j, though it is signed well', async (outcome, change) => {
    const called = calledWith(change);
    if (outcome === 'ok') expect((await called).subject).toBe('ann');
    else await expect(called).rejects.toMatchObject(failed(outcome));
  });

  it('is refused with an ID token that another key signed', async () => {
    const { client } = setUp();
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const { url, state } = await client.start();
    const nonce = new URL(url).searchParams.get('nonce');
    const back = await new Browser(server).visit(url);
    const idToken = (header: object): Promise<string> =>
      new SignJWT({ nonce })
        .setProtectedHeader({ alg: 'ES256', ...header })
        .setIssuer(server.issuer)
        .setAudience('app')
        .setSubject('admin')
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(privateKey);
    for (const header of [{ kid: 'p1' }, {}, { kid: 'p2', jwk: await exportJWK(publicKey) }]) {
      says(200, { access_token: 'a', token_type: 'Bearer', id_token: await idToken(header) });
      await expect(client.callback(back, state)).rejects.toMatchObject(failed('response'));
    }
    says(200, { access_token: 'a', token_type: 'Bearer' });
    await expect(client.callback(back, state)).rejects.toMatchObject(failed('response'));
  });

  it.each<[string, () => void]>([
    ['an error', () => says(500, { error: 'server_error' })],
    ['that it does not know this client', () => says(401, { error: 'invalid_client' })],
    ['no JSON', () => void server.instead.set(TOKEN, (_request, response) => void response.end('<html>'))],
    ['nothing', () => void server.instead.set(TOKEN, (request) => void request.socket.destroy())],
  ])('cannot be looked at where the issuer answers %s', async (_name, change) => {
    const { client, login } = setUp();
    const { url, state } = await login();
    change();
    await expect(client.callback(url, state)).rejects.toMatchObject(unavailable);
    // The code was not used.
    server.instead.clear();
    expect((await client.callback(url, state)).subject).toBe('ann');
  });
});

describe('tokens of another issuer', () => {
  const offline = { scopes: ['openid', 'offline_access'] };
  const consent = { prompt: 'consent' };

  it('are refreshed, for who they are of', async () => {
    const { client, login } = setUp(offline);
    const { url, state } = await login(consent);
    const { tokens, subject } = await client.callback(url, state);
    const next = await client.refresh(tokens.refreshToken ?? '', subject);
    expect(next.accessToken).not.toBe(tokens.accessToken);
    expect(next.scopes).toEqual(['openid', 'offline_access']);
    const other = client.refresh(next.refreshToken ?? '', 'bob');
    await expect(other).rejects.toMatchObject({ code: 'auth.refresh_invalid', details: { reason: 'subject' } });
    const unknown = client.refresh('made-up', subject);
    await expect(unknown).rejects.toMatchObject({ code: 'auth.refresh_invalid', details: { reason: 'invalid_grant' } });
    says(503, {});
    await expect(client.refresh(next.refreshToken ?? '', subject)).rejects.toMatchObject(unavailable);
  });

  it('end where the account logs out there too', async () => {
    const { client, login } = setUp({ postLogoutRedirectUri: GOODBYE });
    const { url, state } = await login();
    const { tokens } = await client.callback(url, state);
    const logout = new URL((await client.logoutUrl(tokens.idToken)) ?? '');
    expect(Object.fromEntries(logout.searchParams)).toEqual({
      client_id: 'app',
      id_token_hint: tokens.idToken,
      post_logout_redirect_uri: GOODBYE,
    });
    expect((await fetch(logout, { redirect: 'manual' })).status).toBe(200);
    const metadata = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
    delete (metadata as Record<string, unknown>).end_session_endpoint;
    const path = '/.well-known/openid-configuration';
    server.instead.set(path, (_request, response) => void response.end(JSON.stringify(metadata)));
    expect(await setUp().client.logoutUrl()).toBeUndefined();
  });
});

describe('an issuer', () => {
  it('ASVS 10.5.3: an issuer is found by its metadata, which have to be its own', async () => {
    const path = '/.well-known/openid-configuration';
    const metadata = (await (await fetch(`${server.issuer}${path}`)).json()) as object;
    const { client } = setUp();
    for (const change of [
      { issuer: 'https://other.example.com' },
      { token_endpoint: undefined },
      { token_endpoint: 'ftp://other.example.com/token' },
      { authorization_endpoint: 'javascript:alert(1)' },
    ]) {
      const body = JSON.stringify({ ...metadata, ...change });
      server.instead.set(path, (_request, response) => void response.end(body));
      await expect(client.start()).rejects.toMatchObject(unavailable);
    }
    server.instead.clear();
    await client.start();
    // And not asked for again.
    const asked = server.asked.filter((each) => each === path).length;
    await client.start();
    expect(server.asked.filter((each) => each === path)).toHaveLength(asked);
  });

  it('has its keys fetched once', async () => {
    const { client, login } = setUp();
    const fetched = (): number => server.asked.filter((path) => path === '/jwks').length;
    const before = fetched();
    for (let n = 0; n < 3; n++) {
      const { url, state } = await login();
      await client.callback(url, state);
    }
    expect(fetched()).toBe(before + 1);
  });

  it('is told to the channel with how it ended, and no token', async () => {
    const seen: OAuthOperation[] = [];
    const listener = { asyncEnd: (operation: OAuthOperation) => void seen.push(operation) };
    channels.oauth.subscribe(listener as never);
    const { client, login } = setUp();
    const { url, state } = await login();
    await client.callback(url, undefined).catch(() => {});
    const { tokens } = await client.callback(url, state);
    channels.oauth.unsubscribe(listener as never);
    expect(seen.map(({ operation, outcome }) => [operation, outcome])).toEqual([
      ['start', 'ok'],
      ['callback', 'state_missing'],
      ['callback', 'ok'],
    ]);
    expect(JSON.stringify(seen)).not.toContain(tokens.accessToken);
  });
});

describe('createOAuthClient', () => {
  it.each<[string, object]>([
    ['no client', { client: undefined }],
    ['a client without a name', { client: { id: '' } }],
    ['no place to come back to', { redirectUri: undefined }],
    ['http', { redirectUri: 'http://app.example.com/callback' }],
    ['no openid', { scopes: ['email'] }],
    ['a scope of two words', { scopes: ['openid', 'a b'] }],
    ['a short secret', { secret: 'short' }],
    ['no secret', { secret: [] }],
    ['a long time for a login', { stateTtl: '2h' }],
    ['an unknown option', { responseType: 'token' }],
  ])('is not made with %s', (_name, options) => {
    expect(() => setUp(options)).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
  });

  it.each<[string, object]>([
    ['a long address', { returnTo: 'a'.repeat(1025) }],
    ['an age that cannot be', { maxAge: 'soon' }],
    ['an unknown option', { state: 'mine' }],
  ])('does not begin with %s', async (_name, options) => {
    await expect(setUp().client.start(options)).rejects.toMatchObject({ code: 'auth.configuration' });
  });
});
