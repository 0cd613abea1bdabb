import assert from 'node:assert/strict';
import { BIG, BYTES, COOKIES, FRAMED, TEXT } from '../app.ts';
import type { HostCase } from '../case.ts';
import { assertOwn, assertProblem, newId } from '../tools.ts';

/** An answer of the application as a client sees it: the same status, body, type and own headers on every host. */
interface Expected {
  readonly status?: number;
  readonly text: string;
  readonly type?: string;
  /** Own headers about which the application had a word. */
  readonly own?: Record<string, string | null>;
  readonly headers?: Record<string, string | null>;
}

const PLAIN: readonly [name: string, line: string, expected: Expected][] = [
  ['a text', 'GET /text', { text: TEXT, type: 'text/plain', headers: { 'x-own': '1' } }],
  ['a text, asked for by HEAD', 'HEAD /text', { text: '', type: 'text/plain', headers: { 'x-own': '1' } }],
  ['JSON', 'GET /json/42', { text: '{"id":"42"}', type: 'application/json' }],
  ['JSON, asked for by HEAD', 'HEAD /json/42', { text: '', type: 'application/json' }],
  ['a parameter that is encoded', 'GET /json/%C3%BC%2F', { text: '{"id":"ü/"}', type: 'application/json' }],
  ['a redirect', 'GET /redirect', { status: 302, text: '', headers: { location: '/text' } }],
  ['nothing', 'GET /empty', { status: 204, text: '', headers: { 'content-type': null, 'content-length': null } }],
  ['a stream', 'GET /stream', { text: 'abc', type: 'text/plain' }],
  ['a stream, asked for by HEAD', 'HEAD /stream', { text: '', type: 'text/plain' }],
  ['a route in a router', 'GET /nested/1/deep/2', { text: '1 2', type: 'text/plain' }],
  ['a query, which no route looks at', 'GET /text?a=1&a=2&/=?', { text: TEXT, type: 'text/plain' }],
  [
    'headers of its own, which stay',
    'GET /framed',
    { text: 'framed', own: { ...FRAMED, vary: 'Accept, Origin' }, type: 'text/plain' },
  ],
  ['a reply of before', 'GET /early', { status: 410, text: 'early', type: 'text/plain' }],
  ['a reply of before, asked for by HEAD', 'HEAD /early', { status: 410, text: '', type: 'text/plain' }],
  ['a reply of before, which was waited for', 'GET /early/late', { status: 202, text: 'late', type: 'text/plain' }],
  ['a stream of before', 'GET /early/stream', { text: 'early', type: 'text/plain' }],
  ['a 304 of before', 'GET /early/304', { status: 304, text: '', headers: { etag: '"1"' } }],
  ['a reply of before to a POST', 'POST /early', { status: 410, text: 'early', type: 'text/plain' }],
];

export const answers: readonly HostCase[] = [
  ...PLAIN.map(
    ([name, line, expected]): HostCase => ({
      name: `${name} (${line})`,
      async run(tools) {
        const id = newId();
        const seen = await tools.ask(line, { id });
        const { status = 200, text, type, own, headers = {} } = expected;
        assert.deepEqual([seen.status, seen.text], [status, text]);
        assertOwn(seen, id, own);
        if (type !== undefined) assert.equal(seen.headers.get('content-type')?.split(';')[0], type);
        for (const [header, value] of Object.entries(headers)) assert.equal(seen.headers.get(header), value, header);
        const { status: sent, aborted, error } = await tools.ended(id);
        assert.deepEqual([sent, aborted, error], [status, false, undefined]);
      },
    }),
  ),
  {
    name: 'bytes as they are',
    async run(tools) {
      const answer = await fetch(`http://127.0.0.1:${tools.port}/bytes`);
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), BYTES);
      assert.equal(answer.headers.get('content-type'), 'application/octet-stream');
    },
  },
  {
    name: 'two cookies, each in a header',
    async run(tools) {
      const seen = await tools.ask('GET /cookies');
      assert.deepEqual([seen.headers.getSetCookie(), seen.text], [COOKIES, 'two']);
    },
  },
  {
    name: 'four megabytes',
    async run(tools) {
      const id = newId();
      const seen = await tools.ask('GET /big', { id });
      assert.equal(seen.text.length, BIG);
      assertOwn(seen, id);
    },
  },
  ...['GET', 'HEAD', 'POST', 'DELETE'].map(
    (method): HostCase => ({
      name: `a path without a route (${method})`,
      async run(tools) {
        const id = newId();
        const seen = await tools.ask(`${method} /nothing/here`, { id });
        if (method === 'HEAD') assert.deepEqual([seen.status, seen.text], [404, '']);
        else assertProblem(seen, 404, 'not_found');
        assertOwn(seen, id);
        const { status, route, error } = await tools.ended(id);
        assert.deepEqual(
          [status, route, (error as { status?: number } | undefined)?.status ?? 404],
          [404, undefined, 404],
        );
      },
    }),
  ),
  {
    name: 'the target, as it was sent',
    when: ({ targets }) => targets === 'as sent',
    async run(tools) {
      const answer = await tools.raw(
        'GET //a/../%61/early-target?q=%zz&b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      assert.deepEqual(JSON.parse(answer.split('\r\n\r\n')[1] as string), {
        path: '//a/../%61/early-target',
        query: 'q=%zz&b',
        rawUrl: '//a/../%61/early-target?q=%zz&b',
        scheme: 'http',
      });
    },
  },
  {
    name: 'the target, as the URL of a request has it',
    when: ({ targets }) => targets === 'as a URL',
    async run(tools) {
      const answer = await tools.raw(
        'GET //a/../%61/early-target?q=%zz&b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      assert.deepEqual(JSON.parse(answer.split('\r\n\r\n')[1] as string), {
        path: '//%61/early-target',
        query: 'q=%zz&b',
        rawUrl: '//%61/early-target?q=%zz&b',
        scheme: 'http',
      });
    },
  },
  {
    name: 'the address of the client',
    async run(tools) {
      assert.equal((await tools.ask('GET /peer')).text, '127.0.0.1');
    },
  },
];
