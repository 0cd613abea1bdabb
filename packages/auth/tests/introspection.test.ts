import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AccessTokenVerifierOptions,
  channels,
  createAccessTokenVerifier,
  generateKey,
  type IntrospectionOperation,
  type SigningKey,
  tokenProfiles,
} from '../src/index.ts';
import { createIntrospection, type IntrospectionOptions } from '../src/introspection.ts';
import { startProvider, type TestProvider } from './support/provider.ts';

const API = 'urn:orders';
const SECRET = 'a secret of the orders: %+&=';
const PATH = '/token/introspection';

let server: TestProvider;
let key: SigningKey;
beforeAll(async () => {
  ({ key } = await generateKey('ES256'));
  const client = { redirect_uris: [], response_types: [], grant_types: [] };
  server = await startProvider(
    [
      { ...client, client_id: 'orders', client_secret: SECRET },
      {
        ...client,
        client_id: 'orders-post',
        client_secret: 'secret',
        token_endpoint_auth_method: 'client_secret_post',
      },
      {
        ...client,
        client_id: 'orders-key',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...key.jwk }] },
      },
      { client_id: 'web', client_secret: 'web', redirect_uris: ['https://web.example.com/callback'] },
    ],
    { introspection: { enabled: true } },
  );
});
afterAll(() => server.stop());
beforeEach(() => void server.asked.splice(0));
afterEach(() => server.instead.clear());

/** An opaque token of the provider, as it makes them for its resource servers. */
async function issue(more: object = {}, kind: 'AccessToken' | 'RefreshToken' = 'AccessToken') {
  const client = await server.provider.Client.find('web');
  if (client === undefined) throw new Error('There is no such client.');
  const grant = new server.provider.Grant({ accountId: 'ann', clientId: 'web' });
  const grantId = await grant.save();
  const values = { accountId: 'ann', client, grantId, scope: 'orders:read', gty: 'authorization_code', ...more };
  const token =
    kind === 'AccessToken' ? new server.provider.AccessToken(values) : new server.provider.RefreshToken(values);
  if (kind === 'AccessToken') Object.assign(token, { aud: API });
  const value = await token.save();
  return { value, revoke: () => token.destroy() };
}

function setUp(more: Partial<IntrospectionOptions> = {}, options: Partial<AccessTokenVerifierOptions> = {}) {
  const clock = { time: Date.now() };
  const introspection = createIntrospection({
    issuer: server.issuer,
    client: { id: 'orders', secret: SECRET },
    now: () => clock.time,
    ...more,
  });
  const verifier = createAccessTokenVerifier({
    issuer: server.issuer,
    audience: API,
    introspection,
    now: () => clock.time,
    ...options,
  });
  const calls = (): number => server.asked.filter((path) => path === PATH).length;
  return { clock, introspection, verifier, calls };
}

/** The same as the provider says, with one thing changed. */
function says(change: object): void {
  const now = Math.floor(Date.now() / 1000);
  const answer = {
    active: true,
    sub: 'ann',
    aud: API,
    iss: server.issuer,
    iat: now,
    exp: now + 600,
    token_type: 'Bearer',
  };
  server.instead.set(PATH, (_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ ...answer, ...change }));
  });
}

const refused = (reason: unknown) => ({ code: 'auth.token_invalid', status: 401, details: { reason } });
const unavailable = { code: 'auth.issuer_unavailable', status: 503, retryAfterMs: 1000 };

describe('a token that is asked about', () => {
  it('proves who its issuer says it is', async () => {
    const { verifier } = setUp();
    const { value } = await issue();
    expect(value).not.toContain('.');
    const principal = await verifier.verify(value);
    expect(principal).toMatchObject({
      issuer: server.issuer,
      subject: 'ann',
      scopes: ['orders:read'],
      roles: [],
      claims: { client_id: 'web' },
    });
    expect(principal.claims).toEqual({ client_id: 'web' });
    expect(principal.expiresAt?.getTime()).toBeGreaterThan(Date.now());
  });

  it.each<[string, () => IntrospectionOptions['client']]>([
    ['a secret in the header, encoded as RFC 6749 has it', () => ({ id: 'orders', secret: SECRET })],
    ['a secret in the body', () => ({ id: 'orders-post', secret: 'secret', method: 'client_secret_post' })],
    ['a key', () => ({ id: 'orders-key', key })],
  ])('is asked about by %s', async (_name, client) => {
    const { verifier } = setUp({ client: client() });
    expect((await verifier.verify((await issue()).value)).subject).toBe('ann');
  });

  it('is refused when it is unknown, revoked or over, whatever its form', async () => {
    const { verifier, calls } = setUp({ cacheTtl: 0 });
    const { value, revoke } = await issue();
    await verifier.verify(value);
    await revoke();
    await expect(verifier.verify(value)).rejects.toMatchObject(refused('inactive'));
    await expect(verifier.verify('made-up')).rejects.toMatchObject(refused('inactive'));
    expect(calls()).toBe(3);
    for (const malformed of ['', 'a b', 'ü', 'x'.repeat(8193), 'a\n']) {
      await expect(verifier.verify(malformed)).rejects.toMatchObject(refused('malformed'));
    }
    expect(calls()).toBe(3);
  });

  it('is no refresh token, which is active too', async () => {
    const { verifier } = setUp({}, { audience: 'web', profile: { types: ['at+jwt'], audience: 'client_id' } });
    const { value } = await issue({}, 'RefreshToken');
    await expect(verifier.verify(value)).rejects.toMatchObject(refused('claim_token_type'));
    expect((await verifier.verify((await issue()).value)).subject).toBe('ann');
  });

  it.each<[string, object]>([
    ['claim_iss', { iss: 'https://other.example.com' }],
    ['claim_aud', { aud: 'urn:other' }],
    ['claim_aud', { aud: undefined }],
    ['claim_aud', { aud: [] }],
    ['claim_aud', { aud: [[API]] }],
    ['claim_token_type', { token_type: undefined }],
    ['claim_token_type', { token_type: 'N_A' }],
    ['claim_sub', { sub: undefined }],
    ['claim_type', { sub: 7 }],
    ['expired', { exp: 1 }],
    ['claim_exp', { exp: '9999999999' }],
    ['claim_nbf', { nbf: 9_999_999_999 }],
    ['claim_iat', { iat: 9_999_999_999 }],
    ['claim_scope', { scope: 7 }],
    ['claim_roles', { roles: 'admin' }],
    ['inactive', { active: false }],
  ])('is refused by %s where its issuer says %j', async (reason, change) => {
    says(change);
    const { verifier } = setUp();
    for (let twice = 0; twice < 2; twice++) {
      await expect(verifier.verify('opaque')).rejects.toMatchObject(refused(reason));
    }
  });

  it('may lack what RFC 7662 leaves optional', async () => {
    says({ iss: undefined, iat: undefined, exp: undefined, scope: undefined, aud: ['urn:other', API] });
    const principal = await setUp().verifier.verify('opaque');
    expect(principal).toMatchObject({ issuer: server.issuer, expiresAt: undefined, scopes: undefined });
  });

  it('must have what the profile asks for besides', async () => {
    const { verifier } = setUp({}, { profile: tokenProfiles.keycloak });
    says({ typ: 'Refresh', jti: 'j' });
    await expect(verifier.verify('first')).rejects.toMatchObject(refused('claim_typ'));
    says({ typ: 'Bearer', realm_access: { roles: ['clerk'] } });
    expect((await verifier.verify('second')).roles).toEqual(['clerk']);
  });
});

describe('an answer', () => {
  it('is used for its time, and then asked for again', async () => {
    const { verifier, calls, clock } = setUp({ cacheTtl: '10s' });
    const { value, revoke } = await issue();
    const first = await verifier.verify(value);
    await revoke();
    clock.time += 9999;
    expect(await verifier.verify(value)).toEqual(first);
    expect(calls()).toBe(1);
    clock.time += 1;
    await expect(verifier.verify(value)).rejects.toMatchObject(refused('inactive'));
    // "Not active" is remembered too.
    await expect(verifier.verify(value)).rejects.toMatchObject(refused('inactive'));
    expect(calls()).toBe(2);
  });

  it('is not used after a clock was set back, nor beyond the end of its token', async () => {
    const { verifier, calls, clock } = setUp({ cacheTtl: '5m' });
    const exp = Math.floor(clock.time / 1000) + 60;
    says({ exp });
    await verifier.verify('opaque');
    clock.time -= 1000;
    await verifier.verify('opaque');
    expect(calls()).toBe(2);
    clock.time = exp * 1000 - 1;
    await verifier.verify('opaque');
    expect(calls()).toBe(2);
    clock.time = exp * 1000;
    says({ active: false });
    await expect(verifier.verify('opaque')).rejects.toMatchObject(refused('inactive'));
    expect(calls()).toBe(3);
  });

  it('is asked for once, however many wait for it', async () => {
    const { verifier, calls } = setUp();
    const { value } = await issue();
    const principals = await Promise.all(Array.from({ length: 100 }, () => verifier.verify(value)));
    expect(new Set(principals.map(({ subject }) => subject))).toEqual(new Set(['ann']));
    expect(calls()).toBe(1);
  });

  it('is remembered for so many tokens and no more', async () => {
    says({});
    const { verifier, calls } = setUp({ cacheSize: 10 });
    for (let n = 0; n < 100; n++) await verifier.verify(`token-${n}`);
    await verifier.verify('token-99');
    expect(calls()).toBe(100);
    await verifier.verify('token-0');
    expect(calls()).toBe(101);
  });

  it('keeps its answer, whatever made-up ones come between', async () => {
    const { verifier, calls } = setUp({ cacheSize: 10 });
    says({});
    for (let n = 0; n < 5; n++) await verifier.verify(`token-${n}`);
    says({ active: false });
    for (let n = 0; n < 100; n++)
      await expect(verifier.verify(`made-up-${n}`)).rejects.toMatchObject(refused('inactive'));
    const before = calls();
    for (let n = 0; n < 5; n++) await verifier.verify(`token-${n}`);
    // Nor is one that was made up asked about again at once.
    await expect(verifier.verify('made-up-99')).rejects.toMatchObject(refused('inactive'));
    expect(calls()).toBe(before);
  });

  it('has the answer of the last call, whichever it was', async () => {
    const { verifier, clock } = setUp({ cacheTtl: '10s' });
    const ask = () =>
      verifier.verify('opaque').then(
        () => true,
        () => false,
      );
    for (const active of [true, false, true, false]) {
      says({ active });
      clock.time += 10_001;
      expect([await ask(), await ask()]).toEqual([active, active]);
    }
  });

  it('waits for its turn where there are not too many, and else is told at once', async () => {
    const { verifier } = setUp({ timeout: '1m' });
    await verifier.verify((await issue()).value);
    const held: (() => void)[] = [];
    let isOpen = false;
    server.instead.set(PATH, (_request, response) => {
      const end = (): void => void response.setHeader('content-type', 'application/json').end('{"active":false}');
      if (isOpen) end();
      else held.push(end);
    });
    const outcomes: string[] = [];
    const listener = { asyncEnd: ({ outcome }: IntrospectionOperation) => void outcomes.push(outcome as string) };
    channels.introspection.subscribe(listener as never);
    const tries = Array.from({ length: 1200 }, (_, n) =>
      verifier.verify(`made-up-${n}`).catch((error: unknown) => (error as { code: string }).code),
    );
    const late = await tries.at(-1);
    isOpen = true;
    for (const end of held) end();
    // Those that come to the server later are answered at once.
    const codes = await Promise.all(tries);
    channels.introspection.unsubscribe(listener as never);
    expect(late).toBe('auth.overloaded');
    expect(codes.filter((code) => code === 'auth.overloaded')).toHaveLength(100);
    expect(codes.filter((code) => code === 'auth.token_invalid')).toHaveLength(1100);
    expect(outcomes.filter((outcome) => outcome === 'overloaded')).toHaveLength(100);
  });

  it('is mapped to roles once, and its dates are of one request only', async () => {
    says({ groups: ['clerks'] });
    let mapped = 0;
    const mapRoles = (): string[] => [`clerk-${++mapped}`];
    const { verifier } = setUp({}, { mapRoles });
    const first = await verifier.verify('opaque');
    first.expiresAt?.setTime(0);
    const second = await verifier.verify('opaque');
    expect([first.roles, second.roles, mapped]).toEqual([['clerk-1'], ['clerk-1'], 1]);
    expect(second.expiresAt?.getTime()).toBeGreaterThan(0);
    expect(Object.isFrozen(second.claims.groups)).toBe(true);
  });

  it('is asked for by no more than a hundred calls at once', async () => {
    const { verifier } = setUp();
    await verifier.verify((await issue()).value);
    let [open, most] = [0, 0];
    server.instead.set(PATH, (_request, response) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open--;
        response.setHeader('content-type', 'application/json').end('{"active":false}');
      });
    });
    const tries = await Promise.allSettled(Array.from({ length: 400 }, (_, n) => verifier.verify(`made-up-${n}`)));
    expect(tries.every(({ status }) => status === 'rejected')).toBe(true);
    expect(most).toBeLessThanOrEqual(100);
  });

  it('is told to the channel, without the token', async () => {
    const seen: IntrospectionOperation[] = [];
    const listener = { asyncEnd: (operation: IntrospectionOperation) => void seen.push(operation) };
    channels.introspection.subscribe(listener as never);
    const { verifier } = setUp({ cacheTtl: 0 });
    const { value, revoke } = await issue();
    await verifier.verify(value);
    await revoke();
    await verifier.verify(value).catch(() => {});
    await server.stop();
    await verifier.verify(value).catch(() => {});
    await server.start();
    channels.introspection.unsubscribe(listener as never);
    expect(seen.map(({ outcome, source }) => [outcome, source])).toEqual(
      ['ok', 'inactive', 'failed'].map((outcome) => [outcome, server.issuer]),
    );
    expect(JSON.stringify(seen)).not.toContain(value);
  });
});

describe('an issuer that cannot be asked', () => {
  it('lets nobody in, but whom it let in a moment ago, and is asked again with the next token', async () => {
    const { verifier } = setUp();
    const [before, after] = [await issue(), await issue()];
    await verifier.verify(before.value);
    await server.stop();
    expect((await verifier.verify(before.value)).subject).toBe('ann');
    await expect(verifier.verify(after.value)).rejects.toMatchObject(unavailable);
    await server.start();
    expect((await verifier.verify(after.value)).subject).toBe('ann');
  });

  const answering = (status: number, body: string, type = 'application/json') =>
    ((_request, response) => void response.writeHead(status, { 'content-type': type }).end(body)) satisfies Parameters<
      TestProvider['instead']['set']
    >[1];
  it.each<[string, Parameters<TestProvider['instead']['set']>[1]]>([
    ['an error', answering(500, '{"active":true}')],
    ['another status of success', answering(201, '{"active":true}')],
    ['a redirect', (_request, response) => void response.writeHead(302, { location: '/elsewhere' }).end()],
    ['no JSON', answering(200, '<html>', 'text/html')],
    ['JSON that is no object', answering(200, '[]')],
    ['no "active"', answering(200, '{"sub":"ann"}')],
    ['"active" as a text', answering(200, '{"active":"true"}')],
    ['a JWT that nobody asked for', answering(200, 'e30.e30.e30', 'application/token-introspection+jwt')],
    [
      'half of an answer',
      (request, response) => void response.writeHead(200).write('{"active":true', () => request.socket.destroy()),
    ],
    ['a cut connection', (request) => void request.socket.destroy()],
    [
      'an answer without end',
      (_request, response) => {
        const more = (): void => void response.write(Buffer.alloc(65_536, ' '), (error) => error ?? more());
        more();
      },
    ],
  ])('is one that answers with %s', async (_name, answer) => {
    const { verifier } = setUp();
    server.instead.set(PATH, answer);
    await expect(verifier.verify('opaque')).rejects.toMatchObject(unavailable);
    expect(server.asked).not.toContain('/elsewhere');
    // And what failed is not remembered.
    says({});
    expect((await verifier.verify('opaque')).subject).toBe('ann');
  });

  it('is one that takes too long', async () => {
    const { verifier } = setUp({ timeout: 50 });
    server.instead.set(PATH, () => {});
    await expect(verifier.verify('opaque')).rejects.toMatchObject(unavailable);
  });

  it('is one that does not take this client', async () => {
    const { verifier } = setUp({ client: { id: 'orders', secret: 'another one' } });
    await expect(verifier.verify((await issue()).value)).rejects.toMatchObject(unavailable);
  });

  it('is one whose metadata are of another issuer, or name no endpoint, until that is mended', async () => {
    const { verifier } = setUp();
    const path = '/.well-known/openid-configuration';
    for (const metadata of [{ issuer: 'https://other.example.com' }, { issuer: server.issuer }]) {
      server.instead.set(path, (_request, response) => void response.end(JSON.stringify(metadata)));
      await expect(verifier.verify('opaque')).rejects.toMatchObject(unavailable);
    }
    server.instead.clear();
    expect((await verifier.verify((await issue()).value)).subject).toBe('ann');
  });
});

describe('a verifier', () => {
  it('does not ask about JWTs', async () => {
    const { verifier, calls } = setUp();
    await expect(verifier.verify('e30.e30.AAAA')).rejects.toMatchObject({ code: 'auth.token_invalid' });
    expect(calls()).toBe(0);
  });

  it('knows where to ask without metadata', async () => {
    const { verifier } = setUp({ endpoint: `${server.issuer}${PATH}` });
    await verifier.verify((await issue()).value);
    expect(server.asked).toEqual([PATH]);
  });

  it('takes what anything else says of a token', async () => {
    const claims = { sub: 'ann', aud: API, token_type: 'bearer' };
    const options = { issuer: 'https://a.example.com', audience: API };
    const introspection = { introspect: async () => claims };
    const verifier = createAccessTokenVerifier({ ...options, introspection });
    expect((await verifier.verify('opaque')).subject).toBe('ann');
    const raw = { introspect: async () => ({ ...claims, active: false }) };
    const careless = createAccessTokenVerifier({ ...options, introspection: raw });
    await expect(careless.verify('opaque')).rejects.toMatchObject(refused('inactive'));
    const broken = { introspect: () => Promise.reject(new Error('it broke')) };
    const failing = createAccessTokenVerifier({ ...options, introspection: broken });
    await expect(failing.verify('opaque')).rejects.toMatchObject({ code: 'auth.store_failed', status: 503 });
  });

  it.each<[string, object]>([
    ['no client', { client: undefined }],
    ['a client without a proof', { client: { id: 'orders' } }],
    ['a client with two proofs', { client: { id: 'orders', secret: 's', key: {} } }],
    ['a key that is none', { client: { id: 'orders', key: { privateKey: 'PEM', kid: 'k' } } }],
    ['another method', { client: { id: 'orders', secret: 's', method: 'none' } }],
    ['an unknown option of the client', { client: { id: 'orders', secret: 's', clientSecret: 's' } }],
    ['http from elsewhere', { issuer: 'http://login.example.com' }],
    ['an endpoint that is no https URL', { endpoint: 'http://login.example.com/introspect' }],
    ['a long life of answers', { cacheTtl: '6m' }],
    ['a cache that cannot be', { cacheSize: -1 }],
    ['an unknown option', { ttl: '1s' }],
  ])('is not made with %s', (_name, options) => {
    const made = () => setUp(options);
    expect(made).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
  });

  it('is not made with an introspection that is none', () => {
    const made = () => setUp({}, { introspection: {} as never });
    expect(made).toThrow(expect.objectContaining({ code: 'auth.configuration' }) as Error);
  });
});
