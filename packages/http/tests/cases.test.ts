import { createServer, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createListener } from '../src/index.ts';
import { options, routes } from './support/app.ts';
import { type Case, cases, secrets } from './support/cases.ts';
import { listen, type Served, stop } from '../../middleware/tests/support/serve.ts';

let served: Served;
beforeAll(async () => {
  served = await listen(createServer(createListener(routes, options)));
});
afterAll(() => stop(served.server));

// node:http and not fetch: fetch would tidy the request target up.
async function send(item: Case): Promise<{ status: number; headers: Record<string, string>; body: string }> {
  const { method = 'GET', target, headers = {}, body } = item;
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: served.port, method, path: target, headers }, (incoming) => {
      text(incoming).then(
        (received) =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers as Record<string, string>,
            body: received,
          }),
        reject,
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('routes over node:http', () => {
  it.each(cases.map((item) => [item.name, item] as const))('%s', async (_name, item) => {
    const answer = await send(item);
    expect(answer.status).toBe(item.status);
    expect(answer.headers['x-request-id']).toMatch(/^.{1,128}$/);
    for (const [name, value] of Object.entries(item.sees ?? {})) {
      if (value === null) expect(answer.headers).not.toHaveProperty([name]);
      else if (typeof value === 'string') expect(answer.headers[name]).toBe(value);
      else expect(answer.headers[name]).toMatch(value);
    }
    if (item.text !== undefined) expect(answer.body).toBe(item.text);
    if (item.json !== undefined) expect(JSON.parse(answer.body)).toEqual(item.json);
    if (item.code !== undefined) {
      const problem = JSON.parse(answer.body) as {
        code: string;
        status: number;
        errors?: { in: string; pointer: string; code: string }[];
      };
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(problem).toMatchObject({ code: item.code, status: item.status });
      expect(problem.errors?.map((issue) => `${issue.in} ${issue.pointer} ${issue.code}`)).toEqual(item.issues);
    }
    for (const secret of secrets) expect(answer.body).not.toContain(secret);
  });
});
