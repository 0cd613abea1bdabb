import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describeWithBrowser } from '@ent/testkit/browser';
import type { CDPSession } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import {
  channels,
  createAccessTokens,
  createKeyRing,
  createSessions,
  generateKey,
  type PasskeyOperation,
} from '../../src/index.ts';
import { createPasskeys, type PasskeysOptions } from '../../src/passkeys.ts';
import { memoryPasskeyStore, memoryReplayStore, memoryStores } from '../../src/stores.ts';

/** An answer of the browser, as it goes over the wire. */
interface Answer {
  id: string;
  rawId: string;
  type: string;
  response: Record<string, string>;
}

// What runs in the page: there, and nowhere here, these exist.
interface InPage {
  readonly navigator: { readonly credentials: Record<'create' | 'get', (options: object) => Promise<Credential>> };
  readonly PublicKeyCredential: Record<
    'parseCreationOptionsFromJSON' | 'parseRequestOptionsFromJSON',
    (o: object) => object
  >;
}
interface Credential {
  toJSON(): Answer;
}

describeWithBrowser('passkeys in a browser', (open) => {
  let server: Server;
  let origin: string;
  beforeAll(async () => {
    server = createServer((_request, response) => void response.setHeader('content-type', 'text/html').end('<p>'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server?.close());

  /** A device with an authenticator of its own. */
  async function device(more: object = {}) {
    const { page } = await open(origin);
    const cdp: CDPSession = await page.context().newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
        ...more,
      },
    });
    const create = (options: object): Promise<Answer> =>
      page.evaluate(async (given) => {
        const { navigator: here, PublicKeyCredential: of } = globalThis as unknown as InPage;
        const made = await here.credentials.create({ publicKey: of.parseCreationOptionsFromJSON(given) });
        return made.toJSON();
      }, options);
    const get = (options: object): Promise<Answer> =>
      page.evaluate(async (given) => {
        const { navigator: here, PublicKeyCredential: of } = globalThis as unknown as InPage;
        const made = await here.credentials.get({ publicKey: of.parseRequestOptionsFromJSON(given) });
        return made.toJSON();
      }, options);
    return { cdp, authenticatorId, create, get };
  }

  function setUp(more: Partial<PasskeysOptions> = {}) {
    const clock = { time: Date.now() };
    const store = memoryPasskeyStore();
    const options = {
      store,
      replays: memoryReplayStore(),
      secret: 's'.repeat(32),
      rpId: 'localhost',
      rpName: 'Acme',
    };
    const passkeys = createPasskeys({ ...options, origin, now: () => clock.time, ...more });
    const enrol = async (on: Awaited<ReturnType<typeof device>>, subject = 'ann') => {
      const { options: asked, state } = await passkeys.register({ subject, name: `${subject}@example.com` });
      return passkeys.confirm(subject, await on.create(asked), state, 'My laptop');
    };
    const enter = async (on: Awaited<ReturnType<typeof device>>, subject?: string) => {
      const { options: asked, state } = await passkeys.authenticate(subject);
      return { answer: await on.get(asked), state };
    };
    return { clock, store, passkeys, enrol, enter };
  }

  const refused = (reason: string) => ({ code: 'auth.passkey_invalid', status: 401, details: { reason } });
  const rejected = (reason: string) => ({ code: 'auth.passkey_rejected', status: 400, details: { reason } });
  const flipped = (text: string): string => {
    const bytes = Buffer.from(text, 'base64url');
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    return bytes.toString('base64url');
  };

  it('registers one, and logs in by it without a name', async () => {
    const { passkeys, enrol, enter } = setUp();
    const laptop = await device();
    const passkey = await enrol(laptop);
    expect(passkey).toMatchObject({ subject: 'ann', name: 'My laptop', transports: 'internal', lastUsedAt: null });
    expect(Object.keys(passkey)).toEqual(expect.not.arrayContaining(['publicKey', 'userHandle', 'counter']));
    const { answer, state } = await enter(laptop);
    const login = await passkeys.verify(answer, state);
    expect(login).toEqual({ subject: 'ann', id: passkey.id, userVerified: true, amr: ['pop', 'mfa'] });
    expect(await passkeys.list('ann')).toMatchObject([{ id: passkey.id, lastUsedAt: expect.any(Date) }]);
    const { key } = await generateKey();
    const accessTokens = createAccessTokens({ issuer: 'me', audience: 'me', keys: createKeyRing({ active: key }) });
    const sessions = createSessions({ accessTokens, stores: memoryStores(), secret: 's'.repeat(32) });
    const pair = await sessions.start({ subject: login.subject, amr: login.amr });
    expect((await sessions.verify(pair.accessToken)).amr).toEqual(['pop', 'mfa']);
  });

  it('tells the authenticator nothing of the account, and the same for all of its passkeys', async () => {
    const { passkeys, enrol } = setUp();
    const first = await passkeys.register({ subject: 'ann', name: 'ann@example.com' });
    expect(Buffer.from(first.options.user.id, 'base64url')).toHaveLength(32);
    await enrol(await device());
    const [one, two] = [
      await passkeys.register({ subject: 'ann', name: 'a' }),
      await passkeys.register({ subject: 'ann', name: 'a' }),
    ];
    expect(one.options.user.id).toBe(two.options.user.id);
    const other = await passkeys.register({ subject: 'bob', name: 'b' });
    expect(other.options.user.id).not.toBe(one.options.user.id);
  });

  it('does not register a device twice, and takes a second one', async () => {
    const { passkeys, enrol, enter } = setUp();
    const [laptop, phone] = [await device(), await device()];
    await enrol(laptop);
    await expect(enrol(laptop)).rejects.toThrow(/InvalidStateError|already registered|contains one of the credentials/);
    await enrol(phone);
    expect(await passkeys.list('ann')).toHaveLength(2);
    for (const on of [laptop, phone]) {
      const { answer, state } = await enter(on);
      expect((await passkeys.verify(answer, state)).subject).toBe('ann');
    }
  });

  it('takes an answer once, in its time, for its account', async () => {
    const { passkeys, enrol, enter, clock } = setUp({ ttl: '5m' });
    const laptop = await device();
    await enrol(laptop);
    const first = await enter(laptop);
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, () => passkeys.verify(first.answer, first.state)),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(passkeys.verify(first.answer, first.state)).rejects.toMatchObject(refused('replay'));
    const second = await enter(laptop);
    await expect(passkeys.verify(first.answer, second.state)).rejects.toMatchObject(refused('response'));
    clock.time += 300_000;
    await expect(passkeys.verify(second.answer, second.state)).rejects.toMatchObject(refused('state'));
    clock.time -= 600_001;
    await expect(passkeys.verify(second.answer, second.state)).rejects.toMatchObject(refused('state'));
    clock.time += 300_001;
    await passkeys.verify(second.answer, second.state);
    // One more factor of somebody else is none.
    const third = await passkeys.authenticate('bob');
    expect(third.options.allowCredentials).toEqual([]);
    const { allowCredentials: _none, ...any } = third.options;
    await expect(passkeys.verify(await laptop.get(any), third.state)).rejects.toMatchObject(refused('subject'));
    const own = await enter(laptop, 'ann');
    expect((await passkeys.verify(own.answer, own.state)).subject).toBe('ann');
  });

  it('takes no answer that was changed', async () => {
    const { passkeys, enrol, enter } = setUp();
    const laptop = await device();
    await enrol(laptop);
    const { answer, state } = await enter(laptop);
    const { response } = answer;
    const withResponse = (more: object): object => ({ ...answer, response: { ...response, ...more } });
    const clientData = JSON.parse(Buffer.from(String(response['clientDataJSON']), 'base64url').toString()) as object;
    const saying = (more: object): object =>
      withResponse({ clientDataJSON: Buffer.from(JSON.stringify({ ...clientData, ...more })).toString('base64url') });
    const changed: [string, unknown][] = [
      ['signature', withResponse({ signature: flipped(String(response['signature'])) })],
      ['signature', withResponse({ authenticatorData: flipped(String(response['authenticatorData'])) })],
      ['signature', saying({ more: 'a' })],
      ['response', saying({ origin: 'https://localhost.example.com' })],
      ['response', saying({ type: 'webauthn.create' })],
      ['response', saying({ challenge: 'AAAA' })],
      ['user_handle', withResponse({ userHandle: 'AAAA' })],
      ['user_handle', withResponse({ userHandle: undefined })],
      ['user_handle', { ...answer, response: undefined }],
      ['unknown', { ...answer, id: 'AAAA', rawId: 'AAAA' }],
      ['response', { ...answer, rawId: 'AAAA' }],
      ['response', { ...answer, type: 'password' }],
      ['response', { ...answer, id: 'A'.repeat(1401) }],
      ['response', { ...answer, id: 7 }],
      ...[undefined, null, 7, 'text', [], {}].map((each): [string, unknown] => ['response', each]),
    ];
    for (const [reason, each] of changed) {
      await expect(passkeys.verify(each, state)).rejects.toMatchObject({
        code: 'auth.passkey_invalid',
        details: { reason: reason === 'signature' ? expect.stringMatching(/^signature$|^response$/) : reason },
      });
    }
    const other = setUp({ secret: 'o'.repeat(32) });
    for (const sealed of [
      '',
      'a',
      (await other.enter(laptop)).state,
      (await passkeys.register({ subject: 'ann', name: 'a' })).state,
    ]) {
      await expect(passkeys.verify(answer, sealed)).rejects.toMatchObject(refused('state'));
    }
    // None of that has used the challenge up.
    expect((await passkeys.verify(answer, state)).subject).toBe('ann');
  });

  it('takes no new passkey that was changed, comes twice or is of another ceremony', async () => {
    const { passkeys, store } = setUp();
    const laptop = await device();
    const { options, state } = await passkeys.register({ subject: 'ann', name: 'a' });
    const answer = await laptop.create(options);
    const clientData = { type: 'webauthn.create', challenge: options.challenge, origin: 'https://evil.example.com' };
    const clientDataJSON = Buffer.from(JSON.stringify(clientData)).toString('base64url');
    for (const each of [null, 7, {}, [], { ...answer, response: { ...answer.response, clientDataJSON } }]) {
      await expect(passkeys.confirm('ann', each, state)).rejects.toMatchObject(rejected('response'));
    }
    await expect(passkeys.confirm('bob', answer, state)).rejects.toMatchObject(rejected('subject'));
    const login = await passkeys.authenticate('ann');
    await expect(passkeys.confirm('ann', answer, login.state)).rejects.toMatchObject(rejected('state'));
    const again = await passkeys.register({ subject: 'ann', name: 'a' });
    await expect(passkeys.confirm('ann', answer, again.state)).rejects.toMatchObject(rejected('response'));
    const { id } = await passkeys.confirm('ann', answer, state, `a\0${'🔑'.repeat(50)}`);
    expect((await store.get(id))?.name.length).toBeLessThanOrEqual(64);
    await expect(passkeys.confirm('ann', answer, state)).rejects.toMatchObject(rejected('replay'));
    // The same passkey by another process, which does not know that the challenge was used.
    const elsewhere = setUp({ store });
    await expect(elsewhere.passkeys.confirm('ann', answer, state)).rejects.toMatchObject(rejected('exists'));
  });

  it('notices a copy of an authenticator by its counter', async () => {
    const { passkeys, enrol, enter } = setUp();
    const seen: PasskeyOperation[] = [];
    const listener = { asyncEnd: (operation: PasskeyOperation) => void seen.push(operation) };
    channels.passkey.subscribe(listener as never);
    onTestFinished(() => channels.passkey.unsubscribe(listener as never));
    const laptop = await device();
    await enrol(laptop);
    const { credentials } = await laptop.cdp.send('WebAuthn.getCredentials', laptop);
    const [copied] = credentials;
    if (copied === undefined) throw new Error('The authenticator has no credential.');
    for (let n = 0; n < 2; n++) {
      const { answer, state } = await enter(laptop);
      await passkeys.verify(answer, state);
    }
    const thief = await device();
    await thief.cdp.send('WebAuthn.addCredential', { authenticatorId: thief.authenticatorId, credential: copied });
    const { answer, state } = await enter(thief);
    await expect(passkeys.verify(answer, state)).rejects.toMatchObject(refused('counter'));
    expect(seen.at(-1)).toMatchObject({ operation: 'verify', outcome: 'counter' });
    const mine = await enter(laptop);
    await passkeys.verify(mine.answer, mine.state);
  });

  it('asks for a PIN or a finger, or takes what does without', async () => {
    const strict = setUp();
    const lax = setUp({ userVerification: 'preferred' });
    const careless = await device({ hasUserVerification: false, isUserVerified: false });
    await expect(strict.enrol(careless)).rejects.toThrow(/NotAllowedError|not allowed/);
    const begun = await strict.passkeys.register({ subject: 'ann', name: 'a' });
    const weak = {
      ...begun.options,
      authenticatorSelection: { residentKey: 'required', userVerification: 'discouraged' },
    };
    const made = strict.passkeys.confirm('ann', await careless.create(weak), begun.state);
    await expect(made).rejects.toMatchObject(rejected('response'));
    await lax.enrol(await device({ hasUserVerification: false, isUserVerified: false }), 'bob');
    const key = await device({ hasUserVerification: false, isUserVerified: false });
    await lax.enrol(key);
    const { answer, state } = await lax.enter(key, 'ann');
    expect(await lax.passkeys.verify(answer, state)).toMatchObject({ userVerified: false, amr: ['pop'] });
    const demanding = setUp({ store: lax.store });
    const asked = await demanding.passkeys.authenticate('ann');
    const got = await key.get({ ...asked.options, userVerification: 'discouraged' });
    await expect(demanding.passkeys.verify(got, asked.state)).rejects.toMatchObject(refused('response'));
  });

  it('is for one domain, and for the pages that are named', async () => {
    const laptop = await device();
    const { enrol, enter, store } = setUp();
    await enrol(laptop);
    const { answer, state } = await enter(laptop);
    const elsewhere = setUp({ store, origin: 'http://localhost:1' });
    await expect(elsewhere.passkeys.verify(answer, state)).rejects.toMatchObject(refused('response'));
    const both = setUp({ store, origin: ['http://localhost:1', origin] });
    await both.passkeys.verify(answer, state);
  });

  it('is gone once it was removed, by its account', async () => {
    const { passkeys, enrol, enter } = setUp();
    const laptop = await device();
    const { id } = await enrol(laptop);
    expect(await passkeys.remove('bob', id)).toBe(false);
    expect(await passkeys.remove('ann', id)).toBe(true);
    expect(await passkeys.remove('ann', id)).toBe(false);
    const { answer, state } = await enter(laptop);
    await expect(passkeys.verify(answer, state)).rejects.toMatchObject(refused('unknown'));
  });

  it('lets nobody in where nobody can say whether the challenge was used', async () => {
    const laptop = await device();
    const { enrol, store, enter } = setUp();
    await enrol(laptop);
    const replays = { add: () => Promise.reject(new Error('the cache is away')) };
    const { passkeys } = setUp({ store, replays });
    const { answer, state } = await enter(laptop);
    await expect(passkeys.verify(answer, state)).rejects.toMatchObject({ code: 'auth.store_failed', status: 503 });
  });
});
