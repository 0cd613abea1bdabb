import { decodeProtectedHeader } from 'jose';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  channels,
  createAccessTokens,
  createAccessTokenVerifier,
  createVerificationKeys,
  type KeysOperation,
  type KeySetStore,
  openKeyRing,
  type StoredKeyRingOptions,
} from '../src/index.ts';

const START = Date.UTC(2030, 0, 1);
const MINUTE = 60_000;
const TEN_MINUTES = 10 * MINUTE;
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

/** What the channel tells of reads of the store: the outcome, and the code of the error. */
function reads(): string[] {
  const seen: string[] = [];
  const listener = {
    start() {},
    end() {},
    asyncStart() {},
    asyncEnd(operation: KeysOperation & { error?: unknown }) {
      const { code = '' } = (operation.error ?? {}) as { code?: string };
      seen.push(`${operation.source} ${operation.outcome} ${code}`.trim());
    },
    error() {},
  };
  channels.keys.subscribe(listener);
  onTestFinished(() => {
    channels.keys.unsubscribe(listener);
  });
  return seen;
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
    const { open, state, clock } = setUp();
    const keys = await open();
    const other = 'o'.repeat(32);
    clock.time += TEN_MINUTES;
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
    clock.time += TEN_MINUTES;
    expect(await keys.rotate()).toBe(true);
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
    for (let step = 0; step < 36; step++) {
      // What a verifier fetched before this rotation.
      const fetched = await createVerificationKeys(rings[0].jwks());
      if (step % 11 === 10) expect(await rings[step % 2]!.rotate()).toBe(true);
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
    const { open, state, clock } = setUp();
    const rings = await Promise.all(Array.from({ length: 4 }, () => open()));
    clock.time += TEN_MINUTES;
    const took = await Promise.all(rings.map((keys) => keys.rotate()));
    expect(took.filter(Boolean)).toHaveLength(1);
    expect(state.revision).toBe(2);
    for (const keys of rings) expect(keys.list()).toEqual(rings[0]?.list());
  });

  it('takes one rotation of those in turn, until the next key was published for ten minutes', async () => {
    const { open, state, clock } = setUp();
    const rings = await Promise.all([open(), open()]);
    expect(await rings[0].rotate()).toBe(false);
    clock.time += TEN_MINUTES;
    const took: boolean[] = [];
    for (let n = 0; n < 4; n++) {
      took.push(await rings[n % 2]!.rotate());
      clock.time += MINUTE;
    }
    expect(took).toEqual([true, false, false, false]);
    expect(state.revision).toBe(2);
    expect(rings[1].list()).toEqual(rings[0].list());
    // By a clock that was wrong when it was made, it is not young for ever.
    clock.time -= 60 * MINUTE;
    expect(await rings[1].rotate()).toBe(true);
    // Where processes read the store more rarely, it is published for as long as that takes.
    const slow = await open({ retireAfter: '1h', reloadAfter: '20m' });
    clock.time += 2 * TEN_MINUTES - 1;
    expect(await slow.rotate()).toBe(false);
    clock.time += 1;
    expect(await slow.rotate()).toBe(true);
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
    for (let n = 0; n < 2; n++) await there.rotate({ revoke: true });
    expect(here.active.kid).not.toBe(there.active.kid);
    clock.time += 1000;
    expect((await here.find(there.list().at(-1)?.kid as string))?.kid).toBe(there.list().at(-1)?.kid);
    expect(here.active.kid).toBe(there.active.kid);
    // Made-up ones do not each ask the store.
    const before = state.reads;
    const flood = await Promise.all(Array.from({ length: 50 }, async (_, n) => here.find(`made-up-${n}`)));
    expect(new Set(flood)).toEqual(new Set([undefined]));
    expect(state.reads).toBe(before + 1);
    clock.time += TEN_MINUTES;
    await there.rotate();
    clock.time += MINUTE;
    void here.active;
    await here.reload();
    expect(here.active.kid).toBe(there.active.kid);
  });

  it('knows each key that another process signs with, however soon one follows the other', async () => {
    const { store } = memory();
    const [here, there] = [await openKeyRing({ store, secret }), await openKeyRing({ store, secret })];
    const tokensOf = (keys: typeof here) => createAccessTokens({ ...about, keys });
    for (let n = 0; n < 3; n++) {
      await there.rotate({ revoke: true });
      const { token } = await tokensOf(there).issue({ subject: 'u1', sessionId: 's1' });
      expect((await tokensOf(here).verify(token)).subject).toBe('u1');
    }
  });

  it('tells when the store cannot be read, or not with its secret', async () => {
    const { open, state, clock, store, now } = setUp();
    const keys = await open();
    const seen = reads();
    state.down = true;
    clock.time += MINUTE;
    const { kid } = keys.active;
    await vi.waitFor(() => expect(seen).toEqual(['store failed auth.store_failed']));
    state.down = false;
    const other = 'o'.repeat(32);
    clock.time += TEN_MINUTES;
    await (await openKeyRing({ store, secret: [other, secret], now })).rotate();
    expect(seen.splice(0)).toEqual(['store failed auth.store_failed', 'store ok', 'store ok']);
    expect(keys.active.kid).toBe(kid);
    await vi.waitFor(() => expect(seen).toEqual(['store failed auth.configuration']));
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

  it('is not opened where the store takes no keys and has none', async () => {
    const store: KeySetStore = { read: async () => undefined, write: async () => false };
    await expect(openKeyRing({ store, secret })).rejects.toMatchObject({ code: 'auth.store_failed' });
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
