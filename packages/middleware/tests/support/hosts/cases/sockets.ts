import assert from 'node:assert/strict';
import { until } from '@ent/internal';
import { waiting } from '../app.ts';
import type { HostCase } from '../case.ts';
import { newId } from '../tools.ts';

const get = (path: string, rest = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${rest}\r\n`;
const last = 'Connection: close\r\n';
const withId = (id: string): string => `x-request-id: ${id}\r\n`;

/** What never becomes an exchange: the parser of node answers it, and the host lives. */
const MALFORMED: readonly [name: string, text: string, status: number][] = [
  ['two lengths', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400],
  [
    'a length and chunks',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
  ],
  ['a length that is none', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello', 400],
  ['a header without a colon', 'GET /text HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n', 400],
  ['a space before the colon', 'GET /text HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['no host', 'GET /text HTTP/1.1\r\n\r\n', 400],
  ['a version that there is not', 'GET /text HTTP/9.9\r\nHost: a\r\n\r\n', 400],
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['a head that is too large', `GET /text HTTP/1.1\r\nHost: a\r\nX-A: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
  [
    'an expectation that nobody has',
    'GET /text HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nConnection: close\r\n\r\n',
    417,
  ],
];

export const sockets: readonly HostCase[] = [
  {
    name: 'two requests on a connection',
    async run(tools) {
      const client = tools.client();
      await client.send(get('/json/1'));
      await client.sees(/\{"id":"1"\}/);
      await client.send(get('/json/2', last));
      assert.match(await client.end(), /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 200 [^]*\{"id":"2"\}$/);
    },
  },
  {
    name: 'a pipeline is answered in its order, whoever is ready first',
    async run(tools) {
      const ids = [newId(), newId(), newId(), newId()] as [string, string, string, string];
      const paths = ['/reject', '/json/1', '/early/late', '/text'];
      const lines = paths.map((path, i) => get(path, withId(ids[i] as string) + (i === 3 ? last : '')));
      const answer = await tools.raw(lines.join(''));
      assert.deepEqual(
        [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
        ['500', '200', '202', '200'],
      );
      assert.deepEqual(
        [...answer.matchAll(/x-request-id: (.+)\r/gi)].map(([, id]) => id),
        ids,
      );
      for (const id of ids) assert.equal((await tools.ended(id)).aborted, false);
    },
  },
  {
    name: 'a HEAD in a pipeline has no body that would be taken for the next answer',
    async run(tools) {
      const head = 'HEAD /text HTTP/1.1\r\nHost: a\r\n\r\n';
      const answer = await tools.raw(head + head.replace('/text', '/stream') + get('/json/1', last));
      assert.match(
        answer,
        /^HTTP\/1\.1 200 [^]*?\r\n\r\nHTTP\/1\.1 200 [^]*?\r\n\r\nHTTP\/1\.1 200 [^]*?\r\n\r\n[^]*\{"id":"1"\}/,
      );
    },
  },
  {
    name: 'a 204 in a pipeline neither',
    async run(tools) {
      const answer = await tools.raw(get('/empty') + get('/json/1', last));
      assert.match(answer, /^HTTP\/1\.1 204 [^]*?\r\n\r\nHTTP\/1\.1 200 /);
    },
  },
  {
    name: 'HTTP/1.0 is answered, and the connection closed',
    async run(tools) {
      const id = newId();
      const answer = await tools.raw(`GET /json/1 HTTP/1.0\r\nHost: a\r\n${withId(id)}\r\n`);
      assert.match(answer, /^HTTP\/1\.1 200 [^]*connection: close[^]*\{"id":"1"\}$/i);
      assert.equal((await tools.ended(id)).aborted, false);
    },
  },
  {
    name: 'HTTP/1.0 keeps a connection that it asks to keep',
    async run(tools) {
      const client = tools.client();
      await client.send('GET /text HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n');
      await client.sees(/^HTTP\/1\.1 200 [^]*connection: keep-alive[^]*\r\n\r\n/i);
      await client.send(get('/json/1', last));
      assert.match(await client.end(), /\{"id":"1"\}$/);
    },
  },
  {
    name: 'a stream for HTTP/1.0 has no chunks, and ends with the connection',
    async run(tools) {
      const answer = await tools.raw('GET /stream HTTP/1.0\r\nHost: a\r\n\r\n');
      assert.doesNotMatch(answer, /transfer-encoding/i);
      assert.match(answer, /\r\n\r\nabc$/);
    },
  },
  {
    name: 'a head that comes byte by byte',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      await client.drip(get('/json/1', withId(id) + last));
      assert.match(await client.end(), /^HTTP\/1\.1 200 [^]*\{"id":"1"\}$/);
      assert.equal((await tools.ended(id)).aborted, false);
    },
  },
  {
    name: 'an upgrade that nobody takes is a request like others',
    async run(tools) {
      const answer = await tools.raw(get('/json/1', 'Connection: Upgrade, close\r\nUpgrade: nothing\r\n'));
      assert.match(answer, /^HTTP\/1\.1 200 [^]*x-mark: 200[^]*\{"id":"1"\}$/i);
    },
  },
  ...MALFORMED.map(
    ([name, text, status]): HostCase => ({
      name: `${name}: ${status}, and the host lives`,
      async run(tools) {
        assert.match(await tools.raw(text), new RegExp(`^HTTP/1\\.1 ${status} `));
        await tools.lives();
      },
    }),
  ),
  {
    name: 'a chunk whose size is none ends the exchange, not the host',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\n';
      await client.send(`${head}${withId(id)}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
      await client.send('zz\r\n');
      await client.end();
      assert.equal((await tools.ended(id)).status === 200, false);
      await tools.lives();
    },
  },
  {
    name: 'a cut in the head is no exchange',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      await client.send(`GET /text HTTP/1.1\r\nHost: a\r\n${withId(id)}`);
      client.cut();
      await tools.lives();
      assert.equal(tools.hasEnded(id), false);
    },
  },
  {
    name: 'a cut after the head, before the answer',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      await client.send(get(`/never?${id}`, withId(id)));
      await until(() => waiting.has(id), 'the handler');
      client.cut();
      assert.deepEqual([(await tools.ended(id)).aborted, waiting.get(id)?.aborted], [true, true]);
    },
  },
  {
    name: 'a cut in a body of which less came than was said',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\n';
      await client.send(`${head}${withId(id)}Content-Length: 50\r\n\r\nhello`);
      await new Promise(setImmediate);
      client.cut();
      assert.equal((await tools.ended(id)).aborted, true);
      await tools.lives();
    },
  },
  {
    name: 'a cut in a pipeline ends each of its exchanges',
    async run(tools) {
      const ids = [newId(), newId(), newId()];
      const client = tools.client();
      await client.send(ids.map((id) => get(`/never?${id}`, withId(id))).join(''));
      await until(() => ids.every((id) => waiting.has(id)), 'three handlers');
      client.cut();
      for (const id of ids) assert.equal((await tools.ended(id)).aborted, true);
      assert.ok(ids.every((id) => waiting.get(id)?.aborted === true));
    },
  },
  {
    name: 'a cut right after the answer is no loss',
    async run(tools) {
      const id = newId();
      const client = tools.client();
      await client.send(get('/json/1', withId(id)));
      await client.sees(/\{"id":"1"\}/);
      client.cut();
      assert.equal((await tools.ended(id)).status, 200);
      await tools.lives();
    },
  },
];
