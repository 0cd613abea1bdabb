import assert from 'node:assert/strict';
import { until } from '@ent/internal';
import type { HostCase } from '../case.ts';
import { assertOwn, assertProblem, failures, newId } from '../tools.ts';

const THROWN: readonly [name: string, path: string, status: number, code: string, detail?: string][] = [
  ['an error of nobody', '/throw', 500, 'internal'],
  ['an error of nobody, some turns later', '/reject', 500, 'internal'],
  ['an error of ours', '/known', 404, 'not_found', 'There is no such user.'],
  ['an error of ours with headers', '/limited', 429, 'rate_limited', 'Not so fast.'],
  ['an error of the framework', '/busy', 409, 'conflict', 'busy'],
  ['an error in a router', '/nested/1/fail', 500, 'internal'],
  ['an error of before', '/early/throws', 500, 'internal'],
  ['a rejection of before', '/early/rejects', 500, 'internal'],
];

export const errors: readonly HostCase[] = [
  ...THROWN.map(
    ([name, path, status, code, detail]): HostCase => ({
      name: `${name} is a problem (${path})`,
      async run(tools) {
        const id = newId();
        const seen = await tools.ask(`GET ${path}`, { id, headers: { origin: 'https://app.example.com' } });
        assertProblem(seen, status, code, detail);
        assertOwn(seen, id, { 'access-control-allow-origin': 'https://app.example.com' });
        if (status === 429) assert.equal(seen.headers.get('retry-after'), '2');
        const ended = await tools.ended(id);
        assert.deepEqual([ended.status, ended.aborted], [status, false]);
        // What was thrown is told, and by itself.
        assert.ok(ended.error instanceof Error);
        if (status !== 500) return;
        assert.equal(ended.error.message, 'secret');
        // The line of the log has the error, and what the client knows it by.
        const line = (): (typeof failures)[number] | undefined =>
          failures.find((fields) => fields['http.request.id'] === id);
        await until(() => line() !== undefined, 'the line of the log');
        const { instance } = JSON.parse(seen.text) as { instance: string };
        assert.deepEqual([line()?.['err'], line()?.['instance']], [ended.error, instance]);
      },
    }),
  ),
  {
    name: 'an error asked for by HEAD has no body',
    async run(tools) {
      const seen = await tools.ask('HEAD /throw');
      assert.deepEqual([seen.status, seen.text], [500, '']);
    },
  },
  {
    name: 'what was said of a body that is not sent is forgotten',
    async run(tools) {
      const seen = await tools.ask('GET /encoded');
      assertProblem(seen, 500, 'internal');
      // A framework may make a tag for the problem.
      assert.equal(seen.headers.get('content-encoding'), null);
      assert.notEqual(seen.headers.get('etag'), '"1"');
    },
  },
  {
    name: 'a path that cannot be decoded is refused',
    when: ({ refusesBadEncoding }) => refusesBadEncoding,
    async run(tools) {
      const answer = await tools.raw('GET /json/%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      assert.match(answer, /^HTTP\/1\.1 400 [^]*x-mark: 400\r\n[^]*\r\n\r\n[^]*"status":400/i);
      await tools.lives();
    },
  },
  {
    name: 'the connection lives after an error',
    async run(tools) {
      const client = tools.client();
      await client.send('GET /throw HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.sees(/"internal"/);
      await client.send('GET /text HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      assert.match(await client.end(), /^HTTP\/1\.1 500 [^]*HTTP\/1\.1 200 /);
    },
  },
  {
    name: 'an error while others are answered is theirs alone',
    async run(tools) {
      const seen = await Promise.all(
        Array.from({ length: 40 }, (_, i) => tools.ask(i % 2 === 0 ? 'GET /reject' : 'GET /json/1')),
      );
      assert.deepEqual(
        seen.map(({ status }) => status),
        Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 500 : 200)),
      );
    },
  },
];
