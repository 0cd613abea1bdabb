import { createHmac } from 'node:crypto';
import { createCache } from '@ent/cache';
import { memory } from '@ent/cache/memory';
import { channels, type IdempotencyStore, memoryIdempotencyStore } from '@ent/middleware';
import { cacheIdempotencyStore } from '@ent/middleware/stores';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { type Served, serve } from '../../middleware/tests/support/serve.ts';
import { createListener, type Route, route } from '../src/index.ts';
import { openapi } from '../src/openapi.ts';
import {
  deliverOnce,
  githubWebhooks,
  signedWebhook,
  type SignedWebhookOptions,
  standardWebhooks,
  stripeWebhooks,
  type WebhookScheme,
} from '../src/webhooks.ts';

const NOW_S = 1_614_265_330;
const now = (): number => NOW_S * 1000;
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const hmac = (key: string | Buffer, text: string | Buffer, encoding: 'hex' | 'base64'): string =>
  createHmac('sha256', key).update(text).digest(encoding);

// Those of the documentation of each sender; Stripe's has none.
const standard = {
  body: '{"test": 2432232314}',
  headers: {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': String(NOW_S),
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
};
const github = {
  body: 'Hello, World!',
  headers: {
    'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
    'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  },
};
const GITHUB_SECRET = "It's a Secret to Everybody";
const STRIPE_SECRET = 'whsec_stripe_test_secret';
const stripe = (body: string, { at = NOW_S, secret = STRIPE_SECRET } = {}) => ({
  body,
  headers: { 'stripe-signature': `t=${at},v1=${hmac(secret, `${at}.${body}`, 'hex')},v0=abc` },
});

async function start(options: SignedWebhookOptions): Promise<Served> {
  const hook = route({
    method: 'POST',
    path: '/',
    auth: signedWebhook({ now, ...options }),
    responses: { 200: z.object({ id: z.string().optional(), sentAt: z.date().optional(), text: z.string() }) },
    handler: async ({ principal, exchange }) => ({
      ...principal,
      text: Buffer.from(await exchange.bytes(1000)).toString('latin1'),
    }),
  });
  return serve(createListener([hook]));
}

interface Sent {
  body: string | Buffer;
  headers: Record<string, string>;
}

async function deliver(
  url: string,
  { body, headers }: Sent,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const answer = await fetch(url, {
    method: 'POST',
    body: typeof body === 'string' ? body : new Uint8Array(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
  const text = await answer.text();
  return { status: answer.status, json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

describe('signedWebhook', () => {
  it('takes what is signed as Standard Webhooks, GitHub and Stripe do', async () => {
    const std = await start({ scheme: standardWebhooks, secrets: [SECRET] });
    expect(await deliver(std.url, standard)).toEqual({
      status: 200,
      json: { id: standard.headers['webhook-id'], sentAt: new Date(now()).toISOString(), text: standard.body },
    });
    const hub = await start({ scheme: githubWebhooks, secrets: [GITHUB_SECRET] });
    expect(await deliver(hub.url, github)).toEqual({
      status: 200,
      json: { id: github.headers['x-github-delivery'], text: github.body },
    });
    const pay = await start({ scheme: stripeWebhooks, secrets: [STRIPE_SECRET] });
    expect(await deliver(pay.url, stripe('{"id":"evt_1"}'))).toMatchObject({
      status: 200,
      json: { text: '{"id":"evt_1"}' },
    });
  });

  it('takes a scheme of your own, as data', async () => {
    const scheme: WebhookScheme = {
      signature: { header: 'x-slack-signature', prefix: 'v0=', encoding: 'hex' },
      timestamp: { header: 'x-slack-request-timestamp' },
      signed: 'v0:{timestamp}:{body}',
    };
    const { url } = await start({ scheme, secrets: ['x'.repeat(32)] });
    const signature = `v0=${hmac('x'.repeat(32), `v0:${NOW_S}:a=b`, 'hex')}`;
    const headers = { 'x-slack-signature': signature, 'x-slack-request-timestamp': String(NOW_S) };
    expect(await deliver(url, { body: 'a=b', headers })).toMatchObject({ status: 200 });
  });

  it('verifies the bytes as they came, whatever they are', async () => {
    const { url } = await start({ scheme: githubWebhooks, secrets: [GITHUB_SECRET] });
    for (const body of [
      Buffer.from([0xff, 0xfe, 0, 0x0d, 0x0a, 0xc3]),
      Buffer.from('{ "a" : 1.0 }\n'),
      Buffer.alloc(0),
    ]) {
      const headers = { 'x-hub-signature-256': `sha256=${hmac(GITHUB_SECRET, body, 'hex')}` };
      expect(await deliver(url, { body, headers })).toMatchObject({
        status: 200,
        json: { text: body.toString('latin1') },
      });
    }
  });

  const change = (headers: Record<string, string>, body = standard.body): Sent => ({
    body,
    headers: { ...standard.headers, ...headers },
  });
  it.each<[string, Sent, string]>([
    ['another body', change({}, '{"test": 2432232315}'), 'http.webhook_forged'],
    ['a body that means the same', change({}, '{"test":2432232314}'), 'http.webhook_forged'],
    ['another id', change({ 'webhook-id': 'msg_other' }), 'http.webhook_forged'],
    ['another time', change({ 'webhook-timestamp': String(NOW_S - 1) }), 'http.webhook_forged'],
    ['a part of the signature', change({ 'webhook-signature': 'v1,g0hM9SsE+OTPJTGt' }), 'http.webhook_forged'],
    ['an empty signature', change({ 'webhook-signature': 'v1,' }), 'http.webhook_forged'],
    ['a signature of another kind', change({ 'webhook-signature': 'v1a,abc' }), 'http.webhook_unsigned'],
    ['no time that is one', change({ 'webhook-timestamp': '1614265330.5' }), 'http.webhook_unsigned'],
    ['an empty id', change({ 'webhook-id': '' }), 'http.webhook_unsigned'],
    ['no headers', { body: standard.body, headers: {} }, 'http.webhook_unsigned'],
  ])('refuses %s', async (_name, sent, code) => {
    const { url } = await start({ scheme: standardWebhooks, secrets: [SECRET] });
    expect(await deliver(url, sent)).toMatchObject({ status: 401, json: { code } });
  });

  it('looks at eleven signatures no more than at ten', async () => {
    const { url } = await start({ scheme: standardWebhooks, secrets: [SECRET] });
    const good = standard.headers['webhook-signature'];
    const among = (others: number): Sent =>
      change({ 'webhook-signature': [...Array(others).fill('v1,AAAA'), good].join(' ') });
    expect(await deliver(url, among(9))).toMatchObject({ status: 200 });
    expect(await deliver(url, among(10))).toMatchObject({ status: 401 });
  });

  it('lets a secret be changed: of several on either side one has to match', async () => {
    const [old, next] = ['o'.repeat(32), 'n'.repeat(32)];
    const both = await start({ scheme: githubWebhooks, secrets: [next, old] });
    const only = await start({ scheme: githubWebhooks, secrets: [next] });
    const signed = (secret: string): Sent => ({
      body: 'x',
      headers: { 'x-hub-signature-256': `sha256=${hmac(secret, 'x', 'hex')}` },
    });
    const statuses = [both.url, only.url].map(async (url) =>
      Promise.all([old, next].map(async (secret) => (await deliver(url, signed(secret))).status)),
    );
    expect(await Promise.all(statuses)).toEqual([
      [200, 200],
      [401, 200],
    ]);
  });

  it('refuses what was sent too long ago, or in the future', async () => {
    const { url } = await start({ scheme: stripeWebhooks, secrets: [STRIPE_SECRET], tolerance: '1m' });
    const statuses = [-61, -60, 0, 60, 61].map(async (seconds) => {
      const { status, json } = await deliver(url, stripe('{}', { at: NOW_S + seconds }));
      return status === 200 ? 200 : json['code'];
    });
    const expired = 'http.webhook_expired';
    expect(await Promise.all(statuses)).toEqual([expired, 200, 200, 200, expired]);
  });

  it('refuses too large a body, and answers in the way of a route', async () => {
    const { url } = await start({ scheme: githubWebhooks, secrets: [GITHUB_SECRET], maxBytes: 5 });
    expect(await deliver(url, github)).toMatchObject({ status: 413 });
    const hook = route({
      method: 'POST',
      path: '/',
      auth: signedWebhook({ scheme: stripeWebhooks, secrets: [STRIPE_SECRET] }),
      responses: { 204: {} },
      handler: () => undefined,
    });
    const { components } = openapi([hook], { title: 'a', version: '1' });
    expect(components['securitySchemes']).toEqual({
      webhookSignature: { type: 'apiKey', in: 'header', name: 'stripe-signature' },
    });
  });

  it.each<[string, Partial<SignedWebhookOptions>]>([
    ['no secret', { secrets: [] }],
    ['a short secret', { secrets: ['short'] }],
    ['one that is no base64', { secrets: ['whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!'] }],
    ['a scheme that does not sign the body', { scheme: { ...standardWebhooks, signed: '{id}' } }],
    ['a scheme that signs what it does not have', { scheme: { ...githubWebhooks, signed: '{timestamp}{body}' } }],
    ['a tolerance that is no time', { tolerance: 'long' }],
  ])('refuses %s at set-up', (_name, options) => {
    expect(() => signedWebhook({ scheme: standardWebhooks, secrets: [SECRET], ...options })).toThrow(
      expect.objectContaining({ code: 'http.invalid_options' }),
    );
  });
});

describe('deliverOnce', () => {
  const hook = (store: IdempotencyStore, handler: (id: string) => void | Promise<void>, lease?: string): Route => {
    const once = deliverOnce({ sender: 'payments', store, lease });
    return route({
      method: 'POST',
      path: '/hooks',
      auth: signedWebhook({ scheme: stripeWebhooks, secrets: [STRIPE_SECRET], now }),
      body: z.looseObject({ id: z.string().optional() }),
      responses: { 204: {} },
      handler: ({ body: { id } }) => once(id, () => handler(id ?? '')),
    });
  };
  const event = (id: string): Sent => stripe(JSON.stringify({ id }));
  const stores: [string, () => IdempotencyStore][] = [
    ['memory', () => memoryIdempotencyStore()],
    [
      'a cache',
      () => {
        const cache = createCache({ driver: memory(), prefix: 'a' });
        onTestFinished(() => cache.close());
        return cacheIdempotencyStore(cache);
      },
    ],
  ];

  it.each(stores)('handles a delivery once, however often it comes, with %s', async (_name, makeStore) => {
    const handled: string[] = [];
    const { url } = await serve(createListener([hook(makeStore(), (id) => void handled.push(id))]));
    for (const id of ['1', '1', '2', '1']) expect((await deliver(`${url}/hooks`, event(id))).status).toBe(204);
    expect(handled).toEqual(['1', '2']);
  });

  it('answers 409 while it is being handled, and lets one that failed come again', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const begun = Promise.withResolvers<void>();
    let calls = 0;
    const store = memoryIdempotencyStore();
    const { url } = await serve(
      createListener([
        hook(store, async () => {
          begun.resolve();
          await gates[calls++]?.promise;
        }),
      ]),
    );
    const first = deliver(`${url}/hooks`, event('1'));
    await begun.promise;
    const meanwhile = await deliver(`${url}/hooks`, event('1'));
    expect(meanwhile).toMatchObject({ status: 409, json: { code: 'http.webhook_in_progress' } });
    gates[0]?.reject(new Error('the database is away'));
    expect((await first).status).toBe(500);
    gates[1]?.resolve();
    expect((await deliver(`${url}/hooks`, event('1'))).status).toBe(204);
    expect((await deliver(`${url}/hooks`, event('1'))).status).toBe(204);
    expect(calls).toBe(2);
  });

  it('keeps a delivery for as long as its handler works, and does not take it for done if it died', async () => {
    const store = memoryIdempotencyStore();
    const gate = Promise.withResolvers<void>();
    const renewed = Promise.withResolvers<void>();
    const died = { ...store, replace: async () => false };
    let renewals = 0;
    const counting: IdempotencyStore = {
      ...store,
      async replace(...args) {
        // Longer than the lease, which a machine with much other work is to keep too.
        if (++renewals === 4) renewed.resolve();
        return store.replace(...args);
      },
    };
    const { url } = await serve(createListener([hook(counting, () => gate.promise, '1500ms')]));
    const first = deliver(`${url}/hooks`, event('1'));
    await renewed.promise;
    expect((await deliver(`${url}/hooks`, event('1'))).status).toBe(409);
    gate.resolve();
    expect((await first).status).toBe(204);
    let again = 0;
    const third = await serve(createListener([hook(died, () => void again++, '1ms')]));
    while (again < 2) await deliver(`${third.url}/hooks`, event('2'));
    expect(again).toBe(2);
  });

  it('says that the lease ran out during the work, or that the store failed, and answers all the same', async () => {
    const told: unknown[] = [];
    const listen = (message: unknown): void => void told.push(message);
    channels.hook.error.subscribe(listen);
    onTestFinished(() => channels.hook.error.unsubscribe(listen));
    const store = memoryIdempotencyStore();
    const late = { ...store, replace: async () => false };
    const away = new Error('away');
    const down = { ...store, replace: async () => Promise.reject(away) };
    const error = expect.objectContaining({ code: 'http.webhook_lease_lost' }) as unknown;
    for (const [id, given, errors] of [
      ['1', late, [error]],
      ['2', down, [away]],
      ['3', store, []],
    ] as const) {
      const { url } = await serve(createListener([hook(given, () => {})]));
      expect((await deliver(`${url}/hooks`, event(id))).status).toBe(204);
      expect(told.splice(0)).toEqual(errors.map((each) => ({ middleware: 'deliverOnce', hook: 'done', error: each })));
    }
  });

  it('keeps the ids of two senders apart', async () => {
    const store = memoryIdempotencyStore();
    const done: string[] = [];
    for (const sender of ['a', 'b', 'a']) await deliverOnce({ sender, store })('1', () => void done.push(sender));
    expect(done).toEqual(['a', 'b']);
  });

  it('fails where the store fails at the beginning, and not where it fails afterwards', async () => {
    const down = async (): Promise<never> => Promise.reject(new Error('away'));
    const store = memoryIdempotencyStore();
    const calls: string[] = [];
    const before = await serve(createListener([hook({ ...store, claim: down }, (id) => void calls.push(id))]));
    expect((await deliver(`${before.url}/hooks`, event('1'))).status).toBe(500);
    const after = await serve(createListener([hook({ ...store, replace: down }, (id) => void calls.push(id))]));
    expect((await deliver(`${after.url}/hooks`, event('1'))).status).toBe(204);
    expect(calls).toEqual(['1']);
  });

  it('refuses a delivery without an id, and a mistake at set-up', async () => {
    const { url } = await serve(createListener([hook(memoryIdempotencyStore(), () => {})]));
    expect(await deliver(`${url}/hooks`, stripe('{}'))).toMatchObject({
      status: 401,
      json: { code: 'http.webhook_unsigned' },
    });
    const refused = expect.objectContaining({ code: 'http.invalid_options' });
    const store = memoryIdempotencyStore();
    expect(() => deliverOnce({ sender: 'a', store: {} as never })).toThrow(refused);
    expect(() => deliverOnce({ sender: 'a', store, ttl: 'ever' })).toThrow(refused);
    expect(() => deliverOnce({ store } as never)).toThrow(refused);
    await expect(deliverOnce({ sender: 'a', store })('1', undefined as never)).rejects.toThrow(refused);
  });
});
