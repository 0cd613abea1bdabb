import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { type IncomingMessage, request as ask } from 'node:http';
import { connect } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { bytesPerRound } from '@ent/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SPAN } from '../src/internal/traced.ts';
import { createLive, type LiveOptions } from '../src/live.ts';
import { publish, request, serveLive, spanOf } from './support/live.ts';

const SECRET = 'Xq7-canary-Kp2';

/** With headers that fetch would not send. */
async function answerTo(url: string, headers: Record<string, string> = {}, method = 'GET') {
  const req = ask(url, { headers, method }).end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of res) text += String(chunk);
  return { status: res.statusCode, headers: res.headers, text };
}

describe('the numbers', () => {
  it('are those of what the packages have published since it was made', async () => {
    request('/before');
    const { data } = await serveLive({ health: { report: () => ({ body: { status: 'warn' } }) } });
    const answer = (message: unknown): void =>
      (message as { add: (pool: object) => void }).add({ pool: 'main', max: 10, idle: 3, inUse: 2, waiting: 1 });
    const stats = async () => ({ ready: 7, dead: 1 });
    const tell = (message: unknown): void =>
      (message as { add: (group: object) => void }).add({ driver: 'memory', topic: 'orders', group: 'mail', stats });
    channel('ent:database:pools').subscribe(answer);
    channel('ent:messaging:groups').subscribe(tell);
    onTestFinished(() => {
      channel('ent:database:pools').unsubscribe(answer);
      channel('ent:messaging:groups').unsubscribe(tell);
    });
    for (let i = 0; i < 9; i++) request('/users/:id', 2);
    request('/users/:id', 300, { status: 503 });
    request(undefined, 1, { method: 'EXPLODE', status: 404 });
    publish('ent:cache:get', { driver: 'redis', keys: 4, hits: 2, stale: 1 });
    publish('ent:database:query', { operation: 'find', entity: 'users' });
    publish('ent:database:query', { operation: 'find', entity: 'users', errorCode: 'database.timeout' });
    publish('ent:messaging:publish', { driver: 'memory', topic: 'orders', messages: [{}, {}] });
    publish('ent:messaging:process', { driver: 'memory', topic: 'orders', group: 'mail', attempt: 1 });

    const shown = await data();
    expect(shown.requests.active).toBe(0);
    // Eleven in the time that has passed, which is at least a second.
    expect(shown.requests.perSecond).toBeGreaterThan(0);
    expect(shown.requests.perSecond).toBeLessThanOrEqual(11);
    expect(shown.requests.p50).toBeLessThan(3);
    expect(shown.requests.p99).toBeGreaterThan(250);
    expect(shown.routes).toMatchObject([
      { name: 'GET /users/:id', errorRatio: 0.1 },
      { name: '_OTHER (no route)', errorRatio: 0 },
    ]);
    expect(shown.caches).toMatchObject([{ name: 'redis', hitRatio: 0.75 }]);
    expect(shown.queries).toMatchObject([{ name: 'find users', errorRatio: 0.5 }]);
    expect(shown.pools).toEqual([{ name: 'main', max: 10, idle: 3, inUse: 2, waiting: 1 }]);
    expect(shown.published).toMatchObject([{ name: 'orders' }]);
    expect(shown.handled).toMatchObject([{ name: 'orders for mail' }]);
    expect(shown.groups).toEqual([{ name: 'orders for mail', ready: 7, dead: 1 }]);
    expect(shown.health).toEqual({ status: 'warn' });
  });

  it('have the traces that somebody will see, the newest first', async () => {
    const { data } = await serveLive();
    const [one, two, unseen] = ['1', '2', '3'].map((digit) => digit.repeat(32)) as [string, string, string];
    publish('ent:messaging:publish', { topic: 'orders', messages: [{}, {}], [SPAN]: spanOf(one) });
    request('/orders', 900, { [SPAN]: spanOf(one) });
    request('/users/:id', 1, { [SPAN]: spanOf(unseen, 0) });
    publish('ent:messaging:process', { topic: 'orders', group: 'mail', [SPAN]: spanOf(two) }, new Error('no'));
    expect((await data()).traces).toMatchObject([
      { name: two, first: 'handle orders for mail', parts: 1, failed: 1 },
      { name: one, first: 'GET /orders', parts: 2, failed: 0, slowestMs: 900 },
    ]);
  });

  it('have the last errors, each once, and none that a client alone has caused', async () => {
    const { data, live } = await serveLive();
    const failed = Object.assign(new Error('no'), { code: 'database.connection_lost' });
    for (let i = 0; i < 3; i++) publish('ent:database:query', { operation: 'get' }, failed);
    request('/x', 1, { status: 422 });
    publish('ent:http:request', { method: 'GET', status: 422 }, new Error('yours'));
    live.record(new Error('the printer is on fire'), 'print');
    expect((await data()).errors).toMatchObject([
      { operation: 'print', message: 'the printer is on fire', count: 1 },
      { operation: 'database:query', code: 'database.connection_lost', count: 3 },
    ]);
  });

  it('have the errors of what goes on without a part: a rate limit, a policy, an SDK', async () => {
    const { data } = await serveLive();
    const published = ['ent:middleware:rate-limit', 'ent:auth:policy', 'ent:observability:trace'];
    for (const name of published) publish(name, {}, new Error('away'));
    expect((await data()).errors.map(({ operation }) => `ent:${operation}`).reverse()).toEqual(published);
  });

  it('have no secret in them', async () => {
    const config = { get: () => ({ url: `postgres://me:${SECRET}@db/shop`, smtpPassword: `${SECRET}-2` }) };
    const { data, live } = await serveLive({ config });
    live.record(new Error(`cannot log in with ${SECRET}-2`));
    live.record(new Error('refused', { cause: new Error(`redis://:other-${SECRET}@cache:6379 is away`) }));
    publish('ent:messaging:publish', { topic: `token=${SECRET}`, messages: [1] });
    const text = JSON.stringify(await data());
    expect(text).toContain('cannot log in with [redacted]');
    expect(text).toContain('redis://[redacted]@cache:6379 is away');
    expect(text).not.toContain(SECRET);
  });

  it('are there when a part hangs or fails, which is told', async () => {
    const hanging = await serveLive({ health: { report: () => new Promise(() => {}) } });
    expect(await hanging.data()).toMatchObject({
      health: { status: 'fail', output: 'no report' },
      errors: [{ operation: 'live:health', message: 'The report of health came too late.' }],
    });
    const failing = await serveLive({ health: { report: () => Promise.reject(new Error('broken')) } });
    expect(await failing.data()).toMatchObject({ errors: [{ message: 'broken' }] });
  });

  it('are gathered once for all who look at the same time', async () => {
    let asked = 0;
    const report = () => ({ body: { asked: ++asked } });
    const { data } = await serveLive({ health: { report } });
    await Promise.all([data(), data(), data()]);
    expect(asked).toBe(1);
  });
});

describe('the page', () => {
  it('may talk to its own host alone, runs no script that stands in it, and is not kept', async () => {
    const { url } = await serveLive({ service: '<script>"&' });
    const { status, headers, text } = await answerTo(url);
    expect(status).toBe(200);
    expect(text).toContain('<title>&#60;script&#62;&#34;&#38;: live</title>');
    expect(text).not.toMatch(/<script>|<style|\sstyle=|\son\w+=/);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    const policy = headers['content-security-policy'] as string;
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/);
    expect(policy).not.toMatch(/unsafe|https?:/);
  });

  it('can be mounted under a path, and leads to the slash at its end and nowhere else', async () => {
    const { url } = await serveLive();
    for (const [path, location] of [
      ['live', './live/'],
      ['ops/live?x=1', './live/'],
      ['\\evil.example', undefined],
      ['https:evil', './https:evil/'],
    ] as const) {
      const { status, headers } = await answerTo(url + path);
      expect([status, headers.location]).toEqual(location === undefined ? [404, undefined] : [308, location]);
    }
    expect((await answerTo(`${url}ops/live/`)).text).toContain('live.js');
    expect((await answerTo(`${url}ops/live/live.js`)).headers['content-type']).toMatch(/^text\/javascript/);
    expect((await answerTo(`${url}ops/live/favicon.ico`)).status).toBe(404);
  });

  it('can only be read', async () => {
    const { url } = await serveLive();
    expect(await answerTo(`${url}data`, {}, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect(await answerTo(`${url}data`, {}, 'HEAD')).toMatchObject({ status: 200, text: '' });
  });

  it('is shown by default to who asks from this machine, under its name', async () => {
    const { url } = await serveLive();
    for (const host of ['localhost', 'LOCALHOST:8000', '127.0.0.1:1', '[::1]:8000']) {
      expect((await answerTo(url, { host })).status, host).toBe(200);
    }
    for (const headers of [
      { host: 'evil.example' },
      { host: '127.0.0.1.evil.example' },
      { host: 'localhost', 'x-forwarded-for': '10.0.0.1' },
      { host: 'localhost', forwarded: 'for=10.0.0.1' },
      { host: 'localhost', via: '1.1 front' },
      { host: 'localhost', 'x-real-ip': '10.0.0.1' },
      { host: 'localhost', 'x-forwarded-host': 'shop.example' },
      { host: 'localhost', 'x-forwarded-proto': 'https' },
    ] as Record<string, string>[]) {
      expect((await answerTo(`${url}data`, headers)).status, JSON.stringify(headers)).toBe(403);
    }
    // nginx with a proxy_pass and nothing else.
    const nginx = connect(Number(new URL(url).port), '127.0.0.1');
    nginx.end(`GET /data HTTP/1.0\r\nHost: ${new URL(url).host}\r\nConnection: close\r\n\r\n`);
    expect(await textOf(nginx)).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('asks `allow` for each request, and shows nothing where that fails', async () => {
    const allow: LiveOptions['allow'] = async ({ headers }) => {
      if (headers.authorization === 'broken') throw new Error('the sessions are away');
      return headers.authorization === 'right';
    };
    const { url } = await serveLive({ allow });
    const statuses = ['right', 'wrong', 'broken'].map(async (authorization) => {
      return (await answerTo(`${url}data`, { authorization, host: 'ops.example' })).status;
    });
    expect(await Promise.all(statuses)).toEqual([200, 403, 503]);
    const truthy = await serveLive({ allow: (() => 'yes') as unknown as () => boolean });
    expect((await answerTo(truthy.url)).status).toBe(403);
  });
});

it.each<[unknown, RegExp]>([
  [{}, /service must be a text/],
  [{ service: 'a', version: 7 }, /version must be a text; got a number/],
  [{ service: 'a', healht: {} }, /no option "healht" \(did you mean health\?\)/],
  [{ service: 'a', health: {} }, /health must have report\(\)/],
  [{ service: 'a', config: {} }, /config must have get\(\)/],
  [{ service: 'a', allow: true }, /allow must be a function; got a boolean/],
])('refuses %j', (options, message) => {
  const make = (): unknown => createLive(options as LiveOptions);
  expect(make).toThrow(message);
  expect(make).toThrow(expect.objectContaining({ code: 'observability.invalid_options' }) as Error);
});

describe('memory', () => {
  it('is bounded, whatever happens', async () => {
    const { data, live } = await serveLive();
    const happen = (n: number): void => {
      request(`/${n}`, n, { method: `M${n}` });
      publish('ent:cache:get', { driver: `d${n}`, keys: 1 });
      publish('ent:messaging:publish', { topic: `t${n}`, messages: [n] });
      publish('ent:database:query', { operation: `o${n}`, entity: `e${n}` }, new Error(`${n}`));
      live.record(new Error(`${n}`.repeat(50)));
      request('/traced', n, { [SPAN]: spanOf(String(n).padStart(32, '0')) });
    };
    for (let n = 0; n < 200; n++) happen(n);
    expect(await bytesPerRound(5000, async (n) => happen(n))).toBeLessThan(100);
    const { routes, errors, traces } = await data();
    expect(routes.length).toBeLessThan(110);
    expect(traces).toHaveLength(20);
    expect(errors).toHaveLength(50);
  });

  it('is given back once it is closed', async () => {
    const bytes = await bytesPerRound(200, async () => {
      const live = createLive({ service: 'shop' });
      request('/x');
      live.close();
    });
    expect(bytes).toBeLessThan(2000);
  });
});
