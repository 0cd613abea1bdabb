import { AuthenticationError, RateLimitedError, TimeoutError } from '@ent/errors';
import {
  addressKey,
  entityTag,
  type Exchange,
  ifNoneMatch,
  notModified,
  problemReply,
  requireMatch,
  securityHeaders,
} from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { describe, expect, it } from 'vitest';
import { serve } from './support/serve.ts';

describe('addressKey', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0db8:0:0:1:2:3:4', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['', ''],
  ])('%s -> %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

describe('entity tags', () => {
  const asking = (headers: Record<string, string>, method = 'GET'): Exchange =>
    ({ method, header: (name: string) => headers[name] }) as Exchange;
  const tag = entityTag('1');

  it('are strong, valid, equal for equal versions and different for others', () => {
    expect(tag).toMatch(/^"[A-Za-z0-9_-]{27}"$/);
    expect(entityTag(Buffer.from('1'))).toBe(tag);
    expect(entityTag('2')).not.toBe(tag);
  });

  it.each([
    [tag, true],
    [`"a", ${tag} , "b"`, true],
    [`W/${tag}`, true],
    [' * ', true],
    ['"a"', false],
    [tag.slice(1, -1), false],
    ['', false],
    [`"x${tag.slice(1)}`, false],
  ])('If-None-Match %s: %s', (header, matches) => {
    expect(ifNoneMatch(asking({ 'if-none-match': header }), tag)).toBe(matches);
  });

  it('are looked at in If-None-Match for GET and HEAD only', () => {
    expect(ifNoneMatch(asking({ 'if-none-match': '*' }, 'PUT'), tag)).toBe(false);
    expect(ifNoneMatch(asking({}), tag)).toBe(false);
  });

  it.each([
    [tag, tag, true],
    [`"a", ${tag}`, tag, true],
    ['*', tag, true],
    ['*', undefined, false],
    [tag, undefined, false],
    ['"a"', tag, false],
    [`W/${tag}`, tag, false],
    [`W/${tag}`, `W/${tag}`, false],
    ['', tag, false],
  ])('If-Match %s on %s passes: %s', (header, current, passes) => {
    const check = (): void => requireMatch(asking({ 'if-match': header }, 'PUT'), current);
    if (passes) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ status: 412 }) as Error);
  });

  it('are demanded in If-Match where it is required', () => {
    const check = (headers: Record<string, string>, options?: object) => () =>
      requireMatch(asking(headers, 'PUT'), tag, options);
    const refusal = { status: 428, code: 'middleware.precondition_required', expose: true };
    for (const options of [undefined, {}, { required: false }, { required: undefined }]) {
      expect(check({}, options)).not.toThrow();
    }
    expect(check({}, { required: true })).toThrow(expect.objectContaining(refusal) as Error);
    expect(check({ 'if-match': tag }, { required: true })).not.toThrow();
    expect(check({ 'if-match': '"a"' }, { required: true })).toThrow(expect.objectContaining({ status: 412 }) as Error);
    for (const wrong of [{ require: true }, { required: 'yes' }, null]) {
      const invalid = expect.objectContaining({ code: 'middleware.invalid_options' }) as Error;
      expect(check({ 'if-match': tag }, wrong as object)).toThrow(invalid);
    }
  });
});

it('notModified gives the headers of the reply but those of its body', () => {
  const headers = { ETag: '"1"', 'Content-Type': 'text/html', 'Content-Security-Policy': 'x', 'content-length': '3' };
  expect(notModified({ status: 200, headers, body: 'abc' })).toEqual({
    status: 304,
    headers: { ETag: '"1"', 'Content-Security-Policy': 'x' },
  });
  expect(notModified({ status: 200 })).toEqual({ status: 304, headers: {} });
});

describe('problemReply', () => {
  it.each([
    [1, '1'],
    [1000, '1'],
    [1001, '2'],
    [1400, '2'],
  ])('asks to wait %i ms with Retry-After: %s, never too short', (retryAfterMs, seconds) => {
    expect(problemReply(new RateLimitedError('slow down', { retryAfterMs })).headers).toMatchObject({
      'retry-after': seconds,
    });
  });

  it('takes the headers of the error, and challenges at a 401', () => {
    expect(problemReply(new AuthenticationError('who?')).headers).toMatchObject({ 'www-authenticate': 'Bearer' });
    const own = new AuthenticationError('who?', { headers: { 'www-authenticate': 'DPoP' } });
    expect(problemReply(own).headers).toMatchObject({ 'www-authenticate': 'DPoP' });
  });

  it('names the occurrence as the log does, and says nothing of what it does not know', () => {
    const error = new RateLimitedError('slow down');
    expect(JSON.parse(problemReply(error).body)).toMatchObject({ instance: `urn:uuid:${error.id}` });
    for (const thrown of [new Error('secret'), 'secret', { message: 'secret', status: 200 }, null]) {
      const reply = problemReply(thrown);
      expect(reply.status).toBe(500);
      expect(reply.body).not.toContain('secret');
    }
  });
});

describe('errors of others', () => {
  // What body-parser, http-errors, Koa and Fastify throw: a status below 500 is a mistake of the client.
  it.each([
    [Object.assign(new Error('request entity too large'), { status: 413, statusCode: 413, expose: true }), 413],
    [Object.assign(new Error('no'), { status: 404, expose: true }), 404],
    [Object.assign(new Error('bad'), { statusCode: 400, code: 'FST_ERR_CTP_INVALID_JSON_BODY' }), 400],
    [Object.assign(new Error('secret of the database'), { status: 500, expose: true }), 500],
    [Object.assign(new Error('secret of the database'), { statusCode: 200 }), 500],
  ])('%s is %s', (error, status) => {
    const problem = problemReply(error);
    expect(problem.status).toBe(status);
    expect(JSON.parse(problem.body)).toMatchObject({ status });
    expect(problem.body).not.toContain('secret');
  });
});

it('a 503 says when to come back, also where nobody knows', () => {
  expect(problemReply(new TimeoutError('x')).headers['retry-after']).toBe('1');
  expect(problemReply(new TimeoutError('x', { retryAfterMs: 5500 })).headers['retry-after']).toBe('6');
  expect(problemReply(new Error('x')).headers['retry-after']).toBeUndefined();
});

describe('securityHeaders', () => {
  it('are on every answer, and yield to those of the answer', async () => {
    const { url } = await serve(
      createNodeListener(
        ({ path }) => {
          if (path === '/page')
            return {
              status: 200,
              headers: { 'Content-Security-Policy': "default-src 'self'", 'cache-control': 'max-age=60' },
            };
          throw new Error('boom');
        },
        {
          middleware: [
            securityHeaders({ override: { 'Strict-Transport-Security': false, 'x-frame-options': 'SAMEORIGIN' } }),
          ],
        },
      ),
    );
    const failed = await fetch(url);
    expect(failed.status).toBe(500);
    expect(Object.fromEntries(failed.headers)).toMatchObject({
      'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      'x-frame-options': 'SAMEORIGIN',
    });
    expect(failed.headers.has('strict-transport-security')).toBe(false);
    const page = await fetch(`${url}/page`);
    expect([page.headers.get('content-security-policy'), page.headers.get('cache-control')]).toEqual([
      "default-src 'self'",
      'max-age=60',
    ]);
  });

  it('refuse a value that cannot be sent, at set-up', () => {
    expect(() => securityHeaders({ override: { 'x-a': 'a\nb' } })).toThrow(/securityHeaders: "x-a"/);
    expect(() => securityHeaders({ override: { 'x a': 'b' } })).toThrow(/securityHeaders: "x a"/);
  });
});
