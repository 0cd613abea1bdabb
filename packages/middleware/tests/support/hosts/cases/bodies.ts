import assert from 'node:assert/strict';
import { LIMIT } from '../app.ts';
import type { HostCase } from '../case.ts';
import { assertOwn, newId } from '../tools.ts';

const OCTETS = { 'content-type': 'application/octet-stream' };
const JSON_TYPE = { 'content-type': 'application/json' };
const echo = 'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n';
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);

export const bodies: readonly HostCase[] = [
  ...['POST', 'PUT', 'PATCH', 'DELETE'].map(
    (method): HostCase => ({
      name: `bytes reach the application and come back (${method})`,
      async run(tools) {
        const id = newId();
        const seen = await tools.ask(`${method} /echo`, { id, headers: OCTETS, body: 'grüße' });
        assert.deepEqual([seen.status, seen.text], [200, 'grüße']);
        assertOwn(seen, id);
      },
    }),
  ),
  {
    name: 'no bytes at all',
    async run(tools) {
      const seen = await tools.ask('POST /echo', { headers: OCTETS, body: '' });
      assert.deepEqual([seen.status, seen.text], [200, '']);
    },
  },
  {
    name: 'every byte there is',
    async run(tools) {
      const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const answer = await fetch(`http://127.0.0.1:${tools.port}/echo`, { method: 'POST', headers: OCTETS, body });
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), body);
    },
  },
  {
    name: 'JSON is parsed',
    async run(tools) {
      const seen = await tools.ask('POST /parsed', { headers: JSON_TYPE, body: '{"a":[1,"ü"]}' });
      assert.deepEqual([seen.status, JSON.parse(seen.text)], [200, { a: [1, 'ü'] }]);
    },
  },
  {
    name: 'what is no JSON is a 400',
    async run(tools) {
      const id = newId();
      const seen = await tools.ask('POST /parsed', { id, headers: JSON_TYPE, body: '{"a":' });
      assert.equal(seen.status, 400);
      assert.equal(seen.headers.get('content-type')?.split(';')[0], 'application/problem+json');
      assertOwn(seen, id);
      assert.equal((await tools.ended(id)).status, 400);
    },
  },
  {
    name: 'more than the application takes is a 413',
    async run(tools) {
      const id = newId();
      const body = JSON.stringify('x'.repeat(LIMIT));
      const seen = await tools.ask('POST /parsed', { id, headers: JSON_TYPE, body });
      assert.equal(seen.status, 413);
      assert.equal(seen.headers.get('content-type')?.split(';')[0], 'application/problem+json');
      assertOwn(seen, id);
    },
  },
  {
    name: 'a body that comes byte by byte',
    async run(tools) {
      const client = tools.client();
      await client.send(`${echo}Content-Length: 5\r\n\r\n`);
      await client.drip('hello');
      assert.equal(bodyOf(await client.end()), 'hello');
    },
  },
  {
    name: 'a body in chunks',
    async run(tools) {
      const client = tools.client();
      await client.send(`${echo}Transfer-Encoding: chunked\r\n\r\n`);
      await client.drip('5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n');
      assert.equal(bodyOf(await client.end()), 'hello world');
    },
  },
  {
    name: 'chunks with extensions, and trailers after them',
    async run(tools) {
      const body = '5;name="value"\r\nhello\r\n0;last\r\nX-Trailer: 1\r\n\r\n';
      const answer = await tools.raw(`${echo}Trailer: X-Trailer\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
      assert.equal(bodyOf(answer), 'hello');
    },
  },
  {
    name: 'a client that waits for 100 Continue',
    async run(tools) {
      const client = tools.client();
      await client.send(`${echo}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
      await client.sees(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
      await client.send('hello');
      assert.match(await client.end(), /HTTP\/1\.1 200 [^]*hello$/);
    },
  },
  {
    name: 'a body that nobody reads is not taken for the next request',
    async run(tools) {
      const client = tools.client();
      await client.send(
        'POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 28\r\n\r\nGET /throw HTTP/1.1\r\nHost: a\r\n',
      );
      await client.sees(/early$/);
      await client.send('GET /text HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      assert.match(await client.end(), /^HTTP\/1\.1 410 [^]*HTTP\/1\.1 200 /);
      assert.doesNotMatch(client.received, /internal/);
    },
  },
  {
    name: 'a client that is refused while it sends reads why',
    async run(tools) {
      const client = tools.client();
      await client.send(
        `POST /early/bytes HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(200_000)}`,
      );
      await client.sees(/^HTTP\/1\.1 413 [^]*body_too_large/);
      await tools.lives();
    },
  },
];
