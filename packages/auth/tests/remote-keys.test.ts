import { until } from '@ent/internal';
import { afterEach, describe, expect, it } from 'vitest';
import {
  channels,
  createAccessTokenVerifier,
  createRemoteKeys,
  type KeysOperation,
  type RemoteKeysOptions,
  tokenProfiles,
} from '../src/index.ts';
import { type Issuer, makeKey, metadataPath, signedBy, startIssuer } from './support/issuer.ts';

const MINUTE = 60_000;
const START = Date.UTC(2030, 0, 1);
const [one, two, three] = await Promise.all([
  makeKey('one', 'ES256'),
  makeKey('two', 'RS256'),
  makeKey('three', 'EdDSA'),
]);
const unavailable = { code: 'auth.issuer_unavailable', status: 503, retryable: 'always' };

const started: Issuer[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((issuer) => issuer.stop()));
});

async function setUp(options: RemoteKeysOptions = {}, path = '/realms/a') {
  const issuer = await startIssuer(path, one);
  started.push(issuer);
  const clock = { time: START };
  const now = (): number => clock.time;
  const keys = createRemoteKeys({ issuer: issuer.issuer, cooldown: 20, timeout: MINUTE, now, ...options });
  const found = async (kid: string): Promise<string | undefined> => (await keys.find(kid))?.kid;
  const fetched = (): number => issuer.asked.filter((each) => each === '/keys/jwks.json').length;
  return { issuer, clock, now, keys, found, fetched };
}

/** Answers that wait until `release` is called. */
function hold(issuer: Issuer, path: string) {
  const held = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  issuer.instead.set(path, (_request, response) => {
    const body = JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) });
    asked.resolve();
    void held.promise.then(() => response.end(body));
  });
  return {
    asked: asked.promise,
    release: (): void => {
      issuer.instead.delete(path);
      held.resolve();
    },
  };
}

describe('keys of an issuer', () => {
  it.each(['', '/', '/realms/a', '/tenant/'])('are found by its OpenID metadata (%j)', async (path) => {
    const { issuer, found } = await setUp({}, path);
    issuer.keys = [one, two, three];
    expect(await found('two')).toBe('two');
    expect(issuer.asked).toEqual([metadataPath(path), '/keys/jwks.json']);
    expect([await found('one'), await found('three')]).toEqual(['one', 'three']);
    expect(issuer.asked).toHaveLength(2);
  });

  it('are found by its OAuth metadata, where there is no other', async () => {
    const { issuer, found } = await setUp();
    issuer.instead.set(metadataPath('/realms/a'), (_request, response) => void response.writeHead(404).end());
    const path = '/.well-known/oauth-authorization-server/realms/a';
    issuer.instead.set(path, (_request, response) => {
      response.end(JSON.stringify({ issuer: issuer.issuer, jwks_uri: issuer.jwksUri }));
    });
    expect(await found('one')).toBe('one');
  });

  it('are fetched from where they are said to be', async () => {
    const { issuer } = await setUp();
    const keys = createRemoteKeys({ jwksUri: issuer.jwksUri });
    await keys.refresh();
    expect((await keys.find('one'))?.alg).toBe('ES256');
    expect(issuer.asked).toEqual(['/keys/jwks.json']);
  });

  it('are fetched once for all that wait for them', async () => {
    const { issuer, found, fetched } = await setUp();
    const held = hold(issuer, '/keys/jwks.json');
    const first = Array.from({ length: 50 }, () => found('one'));
    await held.asked;
    const later = Array.from({ length: 50 }, () => found('one'));
    held.release();
    expect(new Set(await Promise.all([...first, ...later]))).toEqual(new Set(['one']));
    expect(fetched()).toBe(1);
  });

  it('are those for the algorithms that were asked for, and of a kind that can be used', async () => {
    const issuer = await startIssuer('', one, two, three);
    started.push(issuer);
    const encryption = await makeKey('enc', 'RS256', { use: 'enc' });
    const unnamed = await makeKey('plain', 'RS256', {});
    issuer.keys.push(encryption, unnamed);
    const keys = createRemoteKeys({ issuer: issuer.issuer, algorithms: ['PS256', 'RS256', 'ES256'], cooldown: 1 });
    const algs = await Promise.all(
      ['one', 'two', 'three', 'enc', 'plain'].map(async (kid) => (await keys.find(kid))?.alg),
    );
    // One that does not say which algorithm it is for is for the first that fits.
    expect(algs).toEqual(['ES256', 'RS256', undefined, undefined, 'PS256']);
  });

  it.each<[string, (issuer: Issuer) => void, RegExp]>([
    [
      'metadata of another issuer',
      (issuer) =>
        issuer.instead.set(metadataPath('/realms/a'), (_request, response) => {
          response.end(JSON.stringify({ issuer: `${issuer.issuer}/`, jwks_uri: issuer.jwksUri }));
        }),
      /another issuer/,
    ],
    [
      'metadata without an address of keys',
      (issuer) =>
        issuer.instead.set(metadataPath('/realms/a'), (_request, response) => {
          response.end(JSON.stringify({ issuer: issuer.issuer }));
        }),
      /jwks_uri/,
    ],
    [
      'metadata that moved',
      (issuer) =>
        issuer.instead.set(metadataPath('/realms/a'), (_request, response) => {
          response.writeHead(302, { location: `${issuer.origin}/elsewhere` }).end();
        }),
      /status 302/,
    ],
    [
      'keys that moved',
      (issuer) =>
        issuer.instead.set('/keys/jwks.json', (_request, response) => {
          response.writeHead(301, { location: `${issuer.origin}/keys/other.json` }).end();
        }),
      /status 301/,
    ],
    [
      'keys that are an error',
      (issuer) => issuer.instead.set('/keys/jwks.json', (_, r) => void r.writeHead(500).end()),
      /500/,
    ],
    [
      'keys that are no JSON',
      (issuer) => issuer.instead.set('/keys/jwks.json', (_, r) => void r.end('<html>')),
      /JSON/,
    ],
    [
      'keys that are a number',
      (issuer) => issuer.instead.set('/keys/jwks.json', (_, r) => void r.end('7')),
      /JSON object/,
    ],
    ['a set without keys', (issuer) => void (issuer.keys = []), /no signature key/],
    [
      'a set that never ends',
      (issuer) =>
        issuer.instead.set('/keys/jwks.json', (_request, response) => {
          const more = (): void => void response.write(Buffer.alloc(65_536, ' '), (error) => error ?? more());
          more();
        }),
      /longer than 262144 bytes/,
    ],
    [
      'a connection that is cut',
      (issuer) => issuer.instead.set('/keys/jwks.json', (r) => void r.socket.destroy()),
      /./,
    ],
  ])('are not taken from %s', async (_name, change, why) => {
    const { issuer, found, clock } = await setUp();
    change(issuer);
    const error = await found('one').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(unavailable);
    expect(String((error as Error).cause)).toMatch(why);
    expect(issuer.asked.some((path) => /elsewhere|other/.test(path))).toBe(false);
    // And the next try may find them.
    issuer.instead.clear();
    issuer.keys = [one];
    clock.time += MINUTE;
    expect(await found('one')).toBe('one');
  });

  it('are given up after their time, also in the middle of an answer', async () => {
    const { issuer, found } = await setUp({ timeout: 30 });
    issuer.instead.set('/keys/jwks.json', (_request, response) => void response.write('{"keys": ['));
    await expect(found('one')).rejects.toMatchObject(unavailable);
  });

  it.each<[string, RemoteKeysOptions]>([
    ['http', { issuer: 'http://auth.example.com' }],
    ['http', { jwksUri: 'http://auth.example.com/jwks.json' }],
    ['a name that only begins as this machine', { issuer: 'http://127.0.0.1.example.com' }],
    ['another scheme', { issuer: 'ftp://auth.example.com' }],
    ['a file', { jwksUri: 'file:///etc/keys.json' }],
    ['no URL', { issuer: 'auth.example.com' }],
    ['a password', { issuer: 'https://me:secret@auth.example.com' }],
    ['a query', { issuer: 'https://auth.example.com/?a=b' }],
    ['nothing', {}],
    ['both', { issuer: 'https://a.example.com', jwksUri: 'https://a.example.com/jwks' }],
    ['a time that cannot be', { issuer: 'https://a.example.com', maxAge: 0 }],
    ['a long cooldown', { issuer: 'https://a.example.com', cooldown: '2m' }],
    ['an algorithm with a shared secret', { issuer: 'https://a.example.com', algorithms: ['HS256' as never] }],
    ['no algorithm', { issuer: 'https://a.example.com', algorithms: [] }],
    ['an option that nobody reads', { issuer: 'https://a.example.com', ttl: 5 } as never],
  ])('are not looked for by %s', (_name, options) => {
    const refused = expect.objectContaining({
      code: 'auth.configuration',
      message: expect.not.stringContaining('secret'),
    });
    expect(() => createRemoteKeys(options)).toThrow(refused as Error);
  });

  it('are not fetched by http from where an issuer of this machine has no say', async () => {
    const { issuer } = await setUp();
    const asked: string[] = [];
    // An issuer elsewhere, whose metadata points to what listens in this machine.
    const far = 'https://auth.example.com';
    const answer: typeof fetch = async (url) => {
      asked.push((url as URL).href);
      return Response.json({ issuer: far, jwks_uri: issuer.jwksUri });
    };
    await expect(createRemoteKeys({ issuer: far, fetch: answer }).find('one')).rejects.toMatchObject(unavailable);
    expect(asked).toEqual([`${far}/.well-known/openid-configuration`]);
    expect(issuer.asked).toEqual([]);
  });

  it('tell on their channel how each fetch ended', async () => {
    const { issuer, found, clock } = await setUp();
    const seen: KeysOperation[] = [];
    const listener = { asyncEnd: (operation: KeysOperation) => void seen.push(operation) };
    channels.keys.subscribe(listener as never);
    issuer.instead.set('/keys/jwks.json', (_request, response) => void response.writeHead(503).end());
    await found('one').catch(() => {});
    issuer.instead.clear();
    clock.time += MINUTE;
    await found('one');
    channels.keys.unsubscribe(listener as never);
    expect(seen).toMatchObject([
      { source: issuer.issuer, outcome: 'failed' },
      { source: issuer.issuer, outcome: 'ok' },
    ]);
  });
});

describe('keys that are due', () => {
  it('stay in use while they are fetched beside, and are the same where they did not change', async () => {
    const { issuer, keys, clock, fetched } = await setUp();
    const first = await keys.find('one');
    clock.time += 10 * MINUTE - 1;
    expect(keys.find('one')).toBe(first);
    expect(fetched()).toBe(1);
    clock.time += 1;
    issuer.keys = [one, two];
    for (let i = 0; i < 20; i++) expect(keys.find('one')).toBe(first);
    await until(() => !(keys.find('two') instanceof Promise), 'the new keys');
    expect(fetched()).toBe(2);
    expect(keys.find('one')).toBe(first);
  });

  it('are due by a clock that was set back, and not of the future', async () => {
    const { issuer, keys, clock, fetched } = await setUp();
    await keys.find('one');
    clock.time -= 24 * 60 * MINUTE;
    issuer.keys = [two];
    expect(keys.find('one')).toBeDefined();
    await until(() => fetched() === 2 && !(keys.find('two') instanceof Promise), 'the new keys');
  });

  it('last while the issuer is down for an hour, and more, but not for ever', async () => {
    const { issuer, keys, clock, now } = await setUp();
    const verifier = createAccessTokenVerifier({
      issuer: issuer.issuer,
      audience: 'api',
      keys,
      profile: tokenProfiles.google,
      now,
    });
    const issue = (): Promise<string> => {
      const iat = clock.time / 1000;
      return signedBy(one, { iss: issuer.issuer, aud: 'api', sub: 'u', iat, exp: iat + 300 });
    };
    await verifier.verify(await issue());
    await issuer.stop();
    for (let minute = 0; minute < 75; minute++) {
      clock.time += MINUTE;
      const token = await issue();
      // The first time by its signature, then by what is remembered.
      await verifier.verify(token);
      await verifier.verify(token);
    }
    // An unknown key may be a new one: nobody can say that its token is bad.
    const unknown = await signedBy(two, { iss: issuer.issuer, aud: 'api', sub: 'u', iat: 1, exp: 2 });
    await expect(verifier.verify(unknown)).rejects.toMatchObject(unavailable);
    clock.time = START + 24 * 60 * MINUTE + 10 * MINUTE;
    await expect(verifier.verify(await issue())).rejects.toMatchObject(unavailable);
    await issuer.start();
    clock.time += 2 * MINUTE;
    await verifier.verify(await issue());
  });

  it('are tried for less and less often while that fails', async () => {
    const { issuer, keys, clock, fetched } = await setUp();
    await keys.find('one');
    issuer.instead.set('/keys/jwks.json', (_request, response) => void response.writeHead(500).end());
    clock.time += 10 * MINUTE;
    const failures: number[] = [];
    const listener = { asyncEnd: () => void failures.push(fetched()) };
    channels.keys.subscribe(listener as never);
    for (let tries = 1; tries <= 3; tries++) {
      for (let i = 0; i < 50; i++) expect(keys.find('one')).toBeDefined();
      await until(() => failures.length === tries, 'a fetch that failed');
      // Too early for another one.
      for (let i = 0; i < 50; i++) expect(keys.find('one')).toBeDefined();
      await expect(keys.find('unknown')).rejects.toMatchObject(unavailable);
      expect(fetched()).toBe(1 + tries);
      clock.time += MINUTE;
    }
    channels.keys.unsubscribe(listener as never);
  });
});

describe('a rotation of keys', () => {
  const claims = (issuer: Issuer) => ({
    iss: issuer.issuer,
    aud: 'api',
    sub: 'u',
    iat: START / 1000,
    exp: START / 1000 + 300,
  });
  const verifierOf = ({ issuer, keys, now }: Awaited<ReturnType<typeof setUp>>) =>
    createAccessTokenVerifier({ issuer: issuer.issuer, audience: 'api', keys, profile: tokenProfiles.google, now });

  it('refuses no good token, under load, though the new key signs as soon as it is published', async () => {
    const test = await setUp();
    const { issuer } = test;
    const verifier = verifierOf(test);
    const ring = [one, two, three];
    let signs = one;
    let verified = 0;
    let isOver = false;
    const client = async (n: number): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        await verifier.verify(await signedBy(signs, { ...claims(issuer), sub: `u${n}-${i}` }));
        verified++;
      }
    };
    const clients = Promise.all(Array.from({ length: 16 }, (_, n) => client(n)));
    const rotations = async (): Promise<void> => {
      for (let n = 1; n <= 6; n++) {
        const before = verified;
        await until(() => verified >= before + 50, 'verified tokens');
        const next = ring[n % 3] as typeof one;
        // The one before stays for the tokens that it signed.
        issuer.keys = [signs, next];
        signs = next;
      }
      const before = verified;
      await until(() => verified >= before + 50, 'verified tokens');
      isOver = true;
    };
    await Promise.all([clients, rotations()]);
    expect(test.fetched()).toBeLessThanOrEqual(7);
  });

  it('is noticed by a token that comes while keys are fetched that are of before', async () => {
    const test = await setUp();
    const { issuer, keys, found, fetched } = test;
    const held = hold(issuer, '/keys/jwks.json');
    const before = found('one');
    await held.asked;
    issuer.keys = [two];
    const after = found('two');
    held.release();
    expect([await before, await after, fetched()]).toEqual(['one', 'two', 2]);
    expect(await keys.find('one')).toBeUndefined();
  });

  it('ends the tokens of a key that is gone, those that were verified before too', async () => {
    const test = await setUp();
    const { issuer, clock, keys, fetched } = test;
    const verifier = verifierOf(test);
    const token = await signedBy(one, claims(issuer));
    await verifier.verify(token);
    issuer.keys = [two];
    clock.time += MINUTE;
    await keys.refresh();
    await expect(verifier.verify(token)).rejects.toMatchObject({ details: { reason: 'unknown_key' } });
    expect(fetched()).toBe(3);
    // A rotation that is undone.
    issuer.keys = [one, two];
    await verifier.verify(token);
    expect(fetched()).toBe(4);
  });

  it('is looked for after the cooldown only, however soon one made-up key follows the other', async () => {
    const { found } = await setUp({ cooldown: 50 });
    const begun: number[] = [];
    const listener = { start: () => void begun.push(performance.now()) };
    channels.keys.subscribe(listener as never);
    await found('one');
    for (let n = 0; n < 3; n++) expect(await found(`made-up-${n}`)).toBeUndefined();
    channels.keys.unsubscribe(listener as never);
    const gaps = begun.slice(1).map((at, n) => at - (begun[n] as number));
    expect(gaps).toHaveLength(3);
    // A timer may ring a moment early, never much.
    for (const gap of gaps) expect(gap).toBeGreaterThan(45);
  });

  it('is not looked for by each of a flood of made-up keys', async () => {
    const { found, fetched } = await setUp();
    await found('one');
    const flood = await Promise.all(Array.from({ length: 500 }, (_, n) => found(`made-up-${n}`)));
    expect(new Set(flood)).toEqual(new Set([undefined]));
    expect(fetched()).toBe(2);
  });
});
