import { once } from 'node:events';
import { Agent, get, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeForgeries } from '../support/forgeries.ts';
import { type Hosted, hosts } from '../support/hosts.ts';

const { sessions, good, forged } = await makeForgeries();

const PROBLEM = {
  type: 'about:blank',
  title: 'Authentication failed',
  status: 401,
  code: 'auth.token_invalid',
  instance: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/) as string,
};
// What is no token at all, as RFC 6750 has it, is refused by `bearer()` of @ent/http before anybody verifies it.
const TOKEN = /^[\w.~+/-]{1,8192}=*$/;
const NO_TOKEN = {
  ...PROBLEM,
  title: 'Unauthorized',
  code: 'http.token_invalid',
  detail: expect.stringContaining('one token') as string,
};

describe.each(Object.entries(hosts))('%s', (host, make) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let hosted: Hosted;

  beforeAll(async () => {
    hosted = await make(sessions);
    hosted.server.listen(0, '127.0.0.1');
    await once(hosted.server, 'listening');
  });

  afterAll(async () => {
    agent.destroy();
    hosted.server.closeAllConnections();
    await hosted.close();
  });

  const ask = async (
    authorization?: string,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> => {
    const { port } = hosted.server.address() as AddressInfo;
    const headers = authorization === undefined ? {} : { authorization };
    const [response] = await once(get({ port, host: '127.0.0.1', agent, headers }), 'response');
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  };

  it('control: lets in who has a good token', async () => {
    expect(JSON.parse((await ask(`Bearer ${good}`)).body)).toEqual({ id: 'ann' });
  });

  it.each(forged)('refuses %s', async (_name, token) => {
    const { status, headers, body } = await ask(`Bearer ${token}`);
    expect(JSON.parse(body)).toEqual(host === '@ent/http' && !TOKEN.test(token) ? NO_TOKEN : PROBLEM);
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    expect(headers['content-type']).toMatch(/^application\/problem\+json(; charset=utf-8)?$/);
    expect(headers['cache-control']).toBe('no-store');
  });

  it.each(['bearer', 'BEARER'])('takes the scheme in other letters: %s', async (scheme) => {
    expect((await ask(`${scheme} ${good}`)).status).toBe(200);
  });

  it.each([
    ['without a token', undefined],
    ['with another scheme', `Basic ${good}`],
    ['with the token alone', good],
  ])('asks for a token from a request %s', async (_name, authorization) => {
    const { status, headers } = await ask(authorization);
    expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer']);
  });

  it('lets in who has a good token still', async () => {
    expect((await ask(`Bearer ${good}`)).status).toBe(200);
  });
});
