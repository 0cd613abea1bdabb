// What a library can hold of OWASP ASVS 5.0.0, by the numbers of its requirements, for docs/security.md.
import { AuthenticationError } from '@ent/errors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { apiKey, bearer, createListener, createServer, route } from '../src/index.ts';

interface Caller {
  readonly id: string;
}
const known = (credential: string): Caller => {
  if (credential !== 'ann') throw new AuthenticationError('The credential is not valid.');
  return { id: credential };
};
const auth = bearer(known);
const row = { id: '7', name: 'Ann', passwordHash: '$argon2id$hush' };

const routes = [
  route({
    method: 'GET',
    path: '/me',
    auth: apiKey(known, { or: auth }),
    responses: { 200: z.object({ id: z.string(), name: z.string() }) },
    handler: () => row,
  }),
  route({
    method: 'POST',
    path: '/me',
    auth,
    body: z.object({ name: z.string() }),
    responses: { 200: z.object({ name: z.string() }) },
    handler: ({ body }) => body,
  }),
  route({
    method: 'GET',
    path: '/text',
    responses: { 200: { contentType: 'text/plain; charset=utf-8' } },
    handler: () => 'grüße',
  }),
];
let served: Served;
beforeAll(async () => {
  served = await listen(createServer(createListener(routes)));
});
afterAll(() => stop(served.server));

const ask = (path: string, init: RequestInit = {}): Promise<Response> => fetch(served.url + path, init);
const ann = { authorization: 'Bearer ann' };
const json = { ...ann, 'content-type': 'application/json' };

describe('requests', () => {
  it('ASVS 3.5.3: what changes something is asked for by its own method, and by no safe one', async () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const answer = await ask('/me?name=Bob', { method, headers: ann });
      expect(answer.status).toBeLessThan(400);
    }
    expect(() => route({ method: 'HEAD' as 'GET', path: '/', responses: { 204: {} }, handler() {} })).toThrow();
  });

  it('ASVS 4.1.4: a method that no route has is refused, and those that there are are named', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
      const answer = await ask('/me', { method, headers: ann });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST, HEAD, OPTIONS']);
    }
    expect(await served.raw('TRACE /me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 405 /);
  });

  it('ASVS 4.2.1: a request whose length is said in two ways is refused, and the connection closed', async () => {
    const head = 'POST /me HTTP/1.1\r\nHost: a\r\n';
    for (const lengths of [
      'Content-Length: 6\r\nTransfer-Encoding: chunked',
      'Content-Length: 2\r\nContent-Length: 3',
    ]) {
      const received = await served.raw(`${head}${lengths}\r\n\r\n0\r\n\r\nGET /text HTTP/1.1\r\nHost: a\r\n\r\n`);
      expect(received.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 400']);
    }
  });

  it('ASVS 8.3.1: who may call is asked by the route, however its path is written', async () => {
    for (const path of ['/me', '/%6de', '/me/', '/me?authorization=Bearer%20ann']) {
      expect((await ask(path)).status).toBe(401);
    }
  });

  it('ASVS 14.2.1: a credential in the address is none', async () => {
    for (const name of ['api_key', 'x-api-key', 'access_token', 'token']) {
      expect((await ask(`/me?${name}=ann`)).status).toBe(401);
    }
  });
});

describe('answers', () => {
  it('ASVS 4.1.1: a body has its media type, and a text its charset', async () => {
    const types = ['/me', '/text', '/nothing'].map(async (path) =>
      (await ask(path, { headers: ann })).headers.get('content-type'),
    );
    expect(await Promise.all(types)).toEqual([
      'application/json',
      'text/plain; charset=utf-8',
      'application/problem+json',
    ]);
  });

  it('ASVS 4.2.2: the length that is said is that of the body', async () => {
    for (const path of ['/me', '/text']) {
      const answer = await ask(path, { headers: ann });
      expect(answer.headers.get('content-length')).toBe(String((await answer.arrayBuffer()).byteLength));
    }
  });

  it('ASVS 8.2.3: a field that is no part of the request is refused, and one that is no part of the answer not sent', async () => {
    const body = JSON.stringify({ name: 'Ann', roles: ['admin'] });
    expect((await ask('/me', { method: 'POST', headers: json, body })).status).toBe(422);
    expect(await (await ask('/me', { headers: ann })).json()).toEqual({ id: '7', name: 'Ann' });
  });

  it('ASVS 14.2.6: of a row nothing goes out but what the schema of the answer names', async () => {
    expect(await (await ask('/me', { headers: ann })).text()).not.toContain('hush');
  });
});
