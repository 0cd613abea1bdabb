import assert from 'node:assert/strict';
import { channels, type RequestOperation } from '@ent/middleware';
import { until } from '@ent/internal';
import { waiting } from '../app.ts';
import type { HostCase } from '../case.ts';
import { assertOwn, assertProblem, newId } from '../tools.ts';

const APP = 'https://app.example.com';
const STRANGER = 'https://app.example.com.evil.test';
const JSON_TYPE = { 'content-type': 'application/json' };

const LABELS: readonly [line: string, route: string][] = [
  ['GET /text', '/text'],
  ['GET /json/42', '/json/:id'],
  ['HEAD /json/42', '/json/:id'],
  ['GET /throw', '/throw'],
  ['GET /nested/1/deep/2', '/nested/:a/deep/:b'],
  ['GET /nested/1/fail', '/nested/:a/fail'],
  ['GET /reject', '/reject'],
];

export const hooks: readonly HostCase[] = [
  {
    name: 'an id that is sane is kept, in the answer and in the application',
    async run(tools) {
      const id = newId();
      const seen = await tools.ask('GET /id', { id });
      assert.deepEqual([seen.text, seen.headers.get('x-request-id')], [id, id]);
    },
  },
  {
    name: 'an id that is not sane gives way to a UUID',
    async run(tools) {
      const seen = await tools.ask('GET /id', { id: 'a b"c' });
      assert.match(seen.text, /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
      assert.equal(seen.headers.get('x-request-id'), seen.text);
    },
  },
  {
    name: 'the application runs in the context of its exchange',
    async run(tools) {
      const ids = Array.from({ length: 30 }, newId);
      const seen = await Promise.all(ids.map((id) => tools.ask('GET /context', { id })));
      assert.deepEqual(
        seen.map(({ text }) => text),
        ids,
      );
    },
  },
  {
    name: 'also when a body was read before, which came in pieces',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      const head = `POST /context HTTP/1.1\r\nHost: a\r\nx-request-id: ${id}\r\nContent-Type: application/json\r\n`;
      await client.send(`${head}Connection: close\r\nContent-Length: 7\r\n\r\n{"a"`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await client.send(':1}');
      assert.ok((await client.end()).endsWith(id), client.received);
    },
  },
  {
    name: 'and its end too',
    async run(tools) {
      const id = newId();
      await tools.ask('GET /stream', { id });
      assert.equal((await tools.ended(id)).contextId, id);
    },
  },
  ...LABELS.map(
    ([line, route]): HostCase => ({
      name: `the route of ${line} is ${route}`,
      async run(tools) {
        const id = newId();
        await tools.ask(line, { id });
        assert.equal((await tools.ended(id)).route, route);
      },
    }),
  ),
  {
    name: 'ent:http:request tells the route, the status and what failed on our side',
    async run(tools) {
      const [fine, failed, refused] = [newId(), newId(), newId()] as [string, string, string];
      const told = new Map<string, RequestOperation>();
      const faults: string[] = [];
      const subscriber = {
        start() {},
        end() {},
        asyncStart() {},
        asyncEnd: (operation: RequestOperation) => void told.set(operation.exchange.id, operation),
        error: ({ exchange }: RequestOperation) => void faults.push(exchange.id),
      };
      channels.request.subscribe(subscriber);
      try {
        await tools.ask('GET /json/1', { id: fine });
        await tools.ask('GET /throw', { id: failed });
        await tools.ask('GET /busy', { id: refused });
        await until(() => [fine, failed, refused].every((id) => told.has(id)), 'three operations');
      } finally {
        channels.request.unsubscribe(subscriber);
      }
      assert.deepEqual(
        [fine, failed, refused].map((id) => [told.get(id)?.method, told.get(id)?.route, told.get(id)?.status]),
        [
          ['GET', '/json/:id', 200],
          ['GET', '/throw', 500],
          ['GET', '/busy', 409],
        ],
      );
      assert.deepEqual(faults, [failed]);
    },
  },
  {
    name: 'a preflight of a known origin',
    async run(tools) {
      const id = newId();
      const headers = { origin: APP, 'access-control-request-method': 'PUT' };
      const seen = await tools.ask('OPTIONS /text', { id, headers });
      assert.deepEqual([seen.status, seen.text, seen.headers.get('access-control-max-age')], [204, '', '600']);
      assertOwn(seen, id, { 'access-control-allow-origin': APP });
    },
  },
  {
    name: 'a preflight of a stranger',
    async run(tools) {
      const headers = { origin: STRANGER, 'access-control-request-method': 'PUT' };
      const seen = await tools.ask('OPTIONS /text', { headers });
      assert.deepEqual([seen.status, seen.headers.get('access-control-allow-origin')], [204, null]);
    },
  },
  ...['/text', '/nothing', '/early', '/stream'].map(
    (path): HostCase => ({
      name: `a known origin may read ${path}`,
      async run(tools) {
        const id = newId();
        const seen = await tools.ask(`GET ${path}`, { id, headers: { origin: APP } });
        assertOwn(seen, id, { 'access-control-allow-origin': APP });
        assert.match(seen.headers.get('access-control-expose-headers') ?? '', /x-request-id/);
      },
    }),
  ),
  {
    name: 'a stranger may not',
    async run(tools) {
      const id = newId();
      const seen = await tools.ask('GET /text', { id, headers: { origin: STRANGER } });
      assertOwn(seen, id, { 'access-control-allow-origin': null });
    },
  },
  {
    name: 'a limit that is over is a 429, before the application',
    async run(tools) {
      const headers = { 'x-limit': newId() };
      const seen = [];
      for (let i = 0; i < 3; i++) seen.push(await tools.ask('GET /text', { headers }));
      assert.deepEqual(
        seen.map(({ status }) => status),
        [200, 200, 429],
      );
      assertProblem(seen[2] as never, 429, 'middleware.rate_limited');
      assert.match(seen[2]?.headers.get('retry-after') ?? '', /^\d+$/);
      for (const each of seen) assert.match(each.headers.get('ratelimit') ?? '', /"cases"/);
    },
  },
  ...['now', 'late', 'bytes', 'stream'].map(
    (way): HostCase => ({
      name: `reply hooks see what the table of hosts says, and give another answer: ${way}`,
      async run(tools) {
        const shaped = async (line: string): Promise<boolean> => {
          const seen = await tools.ask(line, { headers: { 'x-shape': way } });
          const plain = await tools.ask(line);
          assert.equal(seen.status, plain.status);
          const withoutId = (text: string): string => text.replace(/urn:uuid:[^"]+/, '');
          assert.equal(withoutId(seen.text), withoutId(plain.text));
          assert.ok([null, `${way}, twice`].includes(seen.headers.get('x-shaped')));
          return seen.headers.has('x-shaped');
        };
        const { shapes, refusesBadEncoding } = tools.features;
        const lines = ['/throw', '/reject', '/known', '/busy', '/nothing', '/early'];
        if (refusesBadEncoding) lines.push('/json/%zz');
        for (const path of lines) assert.ok(await shaped(`GET ${path}`), path);
        assert.equal(await shaped('GET /text'), shapes === 'all');
      },
    }),
  ),
  {
    name: 'a reply hook that throws at a problem is a 500',
    async run(tools) {
      for (const line of ['GET /known', 'GET /nothing']) {
        const id = newId();
        const seen = await tools.ask(line, { id, headers: { 'x-shape': 'throws' } });
        assertProblem(seen, 500, 'internal');
        assertOwn(seen, id);
      }
      await tools.lives();
    },
  },
  ...[
    ['/throw', 'Interner Fehler'],
    ['/known', 'Nicht gefunden'],
    ['/nothing', 'Nicht gefunden'],
    ['/busy', 'Widerspruch'],
  ].map(
    ([path, title]): HostCase => ({
      name: `the title of the problem at ${path} is in the language of the client`,
      async run(tools) {
        const headers = { 'x-titles': '1', 'accept-language': 'de-CH, en;q=0.5' };
        const seen = await tools.ask(`GET ${path}`, { headers });
        assert.equal((JSON.parse(seen.text) as { title: string }).title, title);
        assert.equal(seen.headers.get('content-language'), 'de');
        assert.match(seen.headers.get('vary') ?? '', /Accept-Language/);
        assert.equal(seen.headers.get('content-type')?.split(';')[0], 'application/problem+json');
      },
    }),
  ),
  {
    name: 'a head hook that throws harms nobody',
    async run(tools) {
      const id = newId();
      const seen = await tools.ask('GET /text', { id, headers: { 'x-head-throws': '1' } });
      assert.equal(seen.status, 200);
      assertOwn(seen, id);
    },
  },
  {
    name: 'a header of a hook that cannot be sent is left out',
    async run(tools) {
      const id = newId();
      const seen = await tools.ask('GET /text', { id, headers: { 'x-head-bad': '1' } });
      assert.deepEqual([seen.status, seen.headers.get('x-bad')], [200, null]);
      assertOwn(seen, id);
    },
  },
  {
    name: 'a head hook takes a header of the application away',
    async run(tools) {
      const seen = await tools.ask('GET /text', { headers: { 'x-head-deletes': '1' } });
      assert.deepEqual([seen.status, seen.headers.get('x-own')], [200, null]);
    },
  },
  {
    name: 'a done hook that throws harms nobody',
    async run(tools) {
      const id = newId();
      await tools.ask('GET /text', { id, headers: { 'x-done-throws': '1' } });
      await tools.ended(id);
      await tools.lives();
    },
  },
  {
    name: 'a context hook that does not run is a 500',
    async run(tools) {
      const seen = await tools.ask('GET /text', { headers: { 'x-no-run': '1' } });
      assertProblem(seen, 500, 'middleware.context_not_run');
    },
  },
  {
    name: 'before reads a body, within its limit',
    async run(tools) {
      const [fits, large] = [await tools.ask('POST /early/bytes', { body: '0123456789' }), 'x'.repeat(11)];
      assert.deepEqual([fits.status, fits.text], [200, '0123456789']);
      assertProblem(await tools.ask('POST /early/bytes', { body: large }), 413, 'middleware.body_too_large');
    },
  },
  {
    name: 'the signal aborts when the client leaves, and not when it was answered',
    async run(tools) {
      const [left, answered] = [newId(), newId()] as [string, string];
      const client = tools.client();
      await client.send(`GET /never?${left} HTTP/1.1\r\nHost: a\r\nx-request-id: ${left}\r\n\r\n`);
      await until(() => waiting.has(left), 'the handler');
      assert.equal(waiting.get(left)?.aborted, false);
      client.cut();
      const ended = await tools.ended(left);
      assert.deepEqual([ended.status, ended.aborted], [undefined, true]);
      assert.equal(waiting.get(left)?.aborted, true);
      const seen = await tools.ask('GET /id', { id: answered, headers: JSON_TYPE });
      assert.equal(seen.text, answered);
      assert.equal((await tools.ended(answered)).aborted, false);
    },
  },
];
