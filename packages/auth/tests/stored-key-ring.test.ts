import { decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  createAccessTokens,
  createAccessTokenVerifier,
  createVerificationKeys,
  type KeySetStore,
  openKeyRing,
  type StoredKeyRingOptions,
} from '../src/index.ts';

const START = Date.UTC(2030, 0, 1);
const MINUTE = 60_000;
const about = { issuer: 'me', audience: 'me' };
const secret = 's'.repeat(32);

/** A store in memory, of which tests see and change everything. */
function memory() {
  const state = { data: undefined as string | undefined, revision: 0, down: false, reads: 0 };
  const store: KeySetStore = {
    async read() {
      state.reads++;
      if (state.down) throw new Error('connect ECONNREFUSED');
      return state.data === undefined ? undefined : { revision: state.revision, data: state.data };
    },
    async write(data, expected) {
      if (state.down) throw new Error('connect ECONNREFUSED');
      if (state.revision !== expected) return false;
      Object.assign(state, { data, revision: expected + 1 });
      return true;
    },
  };
  return { store, state };
}

function setUp() {
  const { store, state } = memory();
  const clock = { time: START };
  const now = (): number => clock.time;
  const open = (options: Partial<StoredKeyRingOptions> = {}) => openKeyRing({ store, secret, now, ...options });
  const tokensOf = (keys: Awaited<ReturnType<typeof open>>) => createAccessTokens({ ...about, keys, now });
  return { store, state, clock, now, open, tokensOf };
}

describe('a key ring in a store', () => {
  it('is made at the first use, with a key that signs and one that will', async () => {
    const { open, tokensOf, state } = setUp();
    const keys = await open();
    expect(keys.list().map(({ alg, state: is, since }) => [alg, is, since])).toEqual([
      ['EdDSA', 'active', new Date(START)],
      ['EdDSA', 'next', new Date(START)],
    ]);
    expect(keys.jwks().keys.map(({ kid }) => kid)).toEqual(keys.list().map(({ kid }) => kid));
    const { token } = await tokensOf(keys).issue({ subject: 'u1', sessionId: 's1' });
    expect(decodeProtectedHeader(token).kid).toBe(keys.active.kid);
    // Another start finds the same.
    expect((await open()).list()).toEqual(keys.list());
    expect(state.revision).toBe(1);
  });

  it('is the same for all that make it at once', async () => {
    const { open, state } = setUp();
    const rings = await Promise.all(Array.from({ length: 5 }, () => open()));
    expect(new Set(rings.map((keys) => keys.active.kid)).size).toBe(1);
    expect(state.revision).toBe(1);
  });

  it('keeps nothing in the store that anybody could read', async () => {
    const { open, state } = setUp();
    const keys = await open();
    const data = state.data as string;
    expect(decodeProtectedHeader(data)).toEqual({
      alg: 'dir',
      enc: 'A256GCM',
      kid: expect.any(String),
      typ: 'ent-keys+jwe',
    });
    const parts = data.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'));
    for (const text of [data, ...parts]) {
      expect(text).not.toContain('PRIVATE KEY');
      expect(text).not.toContain(keys.active.kid);
    }
    expect(JSON.stringify([keys.list(), keys.jwks()])).not.toMatch(/PRIVATE|"d"/);
  });

  it('is opened by its secret only, also after that was changed', async () => {
    const { open, state } = setUp();
    const keys = await open();
    const other = 'o'.repeat(32);
    await expect(open({ secret: other })).rejects.toMatchObject({ code: 'auth.configuration' });
    const both = await open({ secret: [other, secret] });
    expect(both.active.kid).toBe(keys.active.kid);
    await both.rotate();
    expect((await open({ secret: other })).list()).toEqual(both.list());
    await expect(open()).rejects.toMatchObject({ code: 'auth.configuration' });
    const data = state.data as string;
    const at = data.length - 40;
    state.data = `${data.slice(0, at)}${data[at] === 'A' ? 'B' : 'A'}${data.slice(at + 1)}`;
    await expect(open({ secret: other })).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('rotates by one call: the next key signs, the last one retires and then goes', async () => {
    const { open, clock } = setUp();
    const keys = await open();
    const [first, second] = keys.list().map(({ kid }) => kid) as [string, string];
    clock.time += MINUTE;
    await keys.rotate();
    const third = keys.list().find(({ state }) => state === 'next')?.kid as string;
    expect(keys.active.kid).toBe(second);
    expect(keys.list().map(({ kid, state }) => [kid, state])).toEqual([
      [first, 'retiring'],
      [second, 'active'],
      [third, 'next'],
    ]);
    clock.time += 60 * MINUTE - 1;
    expect((await keys.find(first))?.kid).toBe(first);
    clock.time += 1;
    expect(await keys.find(first)).toBeUndefined();
    expect(keys.jwks().keys.map(({ kid }) => kid)).toEqual([second, third]);
    await keys.rotate();
    expect(keys.list().map(({ kid }) => kid)).not.toContain(first);
  });

  it('refuses no good token while it rotates, in several processes and for those that only verify', async () => {
    const { open, tokensOf, clock, now } = setUp();
    const rings = await Promise.all([open(), open()]);
    const issuers = rings.map(tokensOf);
    const alive: string[] = [];
    for (let step = 0; step < 12; step++) {
      // What a verifier fetched before this rotation.
      const fetched = await createVerificationKeys(rings[0].jwks());
      if (step % 3 === 0) await rings[step % 2]!.rotate();
      clock.time += 59_000;
      for (const issuer of issuers) alive.push((await issuer.issue({ subject: 'u1', sessionId: 's1' })).token);
      const elsewhere = createAccessTokenVerifier({ ...about, keys: fetched, now });
      for (const token of alive.slice(-2)) await elsewhere.verify(token);
      for (const token of alive.slice(-20)) for (const issuer of issuers) await issuer.verify(token);
      clock.time += 1000;
      for (const ring of rings) await ring.reload();
    }
  });

  it('takes one rotation of many at once', async () => {
    const { open, state } = setUp();
    const rings = await Promise.all(Array.from({ length: 4 }, () => open()));
    await Promise.all(rings.map((keys) => keys.rotate()));
    expect(state.revision).toBe(2);
    for (const keys of rings) expect(keys.list()).toEqual(rings[0]?.list());
  });

  it('ends a key that leaked, and its tokens, at once', async () => {
    const { open, tokensOf } = setUp();
    const keys = await open();
    const tokens = tokensOf(keys);
    const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
    await tokens.verify(token);
    const leaked = keys.active.kid;
    await keys.rotate({ revoke: true });
    await expect(tokens.verify(token)).rejects.toMatchObject({ details: { reason: 'unknown_key' } });
    expect(keys.list().map(({ kid, state }) => [kid === leaked, state])).toEqual([
      [false, 'active'],
      [false, 'next'],
    ]);
  });

  it('follows what another process did, when it is due or meets a key that it does not know', async () => {
    const { open, clock, state } = setUp();
    const [here, there] = [await open(), await open()];
    await there.rotate();
    await there.rotate();
    expect(here.active.kid).not.toBe(there.active.kid);
    clock.time += 1000;
    expect((await here.find(there.list().at(-1)?.kid as string))?.kid).toBe(there.list().at(-1)?.kid);
    expect(here.active.kid).toBe(there.active.kid);
    // Made-up ones do not each ask the store.
    const { reads } = state;
    for (let n = 0; n < 50; n++) expect(await here.find(`made-up-${n}`)).toBeUndefined();
    expect(state.reads).toBeLessThanOrEqual(reads + 1);
    await there.rotate();
    clock.time += MINUTE;
    void here.active;
    await here.reload();
    expect(here.active.kid).toBe(there.active.kid);
  });

  it('goes on with what it knows while the store is away', async () => {
    const { open, tokensOf, clock, state } = setUp();
    const keys = await open();
    const tokens = tokensOf(keys);
    state.down = true;
    for (let minute = 0; minute < 30; minute++) {
      clock.time += MINUTE;
      await tokens.verify((await tokens.issue({ subject: 'u1', sessionId: 's1' })).token);
    }
    await expect(keys.rotate()).rejects.toMatchObject({ code: 'auth.store_failed' });
    await expect(open()).rejects.toMatchObject({ code: 'auth.store_failed' });
    state.down = false;
    await keys.rotate();
    await tokens.verify((await tokens.issue({ subject: 'u1', sessionId: 's1' })).token);
  });

  it('signs no token that could outlive its key', async () => {
    const { open, now } = setUp();
    const keys = await open({ retireAfter: '20m', reloadAfter: '1m' });
    const make = (ttl: string) => () => createAccessTokens({ ...about, keys, now, ttl });
    expect(make('18m')).not.toThrow();
    expect(make('19m')).toThrow(expect.objectContaining({ code: 'auth.configuration' }));
  });

  it.each<[string, object]>([
    ['a short secret', { secret: 'short' }],
    ['no secret', { secret: [] }],
    ['an algorithm that it cannot sign with', { algorithm: 'RS256' }],
    ['a short retirement', { retireAfter: '2m', reloadAfter: '1m' }],
    ['what is no store', { store: {} }],
    ['an option that nobody reads', { ttl: 5 }],
  ])('is not opened with %s', async (_name, options) => {
    await expect(setUp().open(options as never)).rejects.toMatchObject({ code: 'auth.configuration' });
  });
});
