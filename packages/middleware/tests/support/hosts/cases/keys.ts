import assert from 'node:assert/strict';
import { until } from '@ent/internal';
import { isShut, open } from '../app.ts';
import type { HostCase } from '../case.ts';
import { assertProblem, newId, type Seen, type Tools } from '../tools.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const OCTETS = { 'content-type': 'application/octet-stream' };

function post(tools: Tools, path: string, key: string, body?: string, headers: Record<string, string> = JSON_TYPE) {
  return tools.ask(`POST ${path}`, {
    headers: { ...headers, 'idempotency-key': key },
    ...(body !== undefined && { body }),
  });
}

/** What comes again; for a moment after the first was sent its key is in use. */
async function again(ask: () => Promise<Seen>): Promise<Seen> {
  let seen = await ask();
  await until(
    async () => seen.status !== 409 || ((seen = await ask()), seen.status !== 409),
    'the answer of the first',
  );
  return seen;
}

const replayed = (seen: Seen): string | null => seen.headers.get('idempotent-replayed');
const typeOf = (seen: Seen): string | null => seen.headers.get('content-type');

/** A request that the application works on until its gate is opened. */
async function begun(
  tools: Tools,
  headers: string,
): Promise<{ key: string; cut(): void; sees(text: RegExp): Promise<void> }> {
  const key = newId();
  const client = tools.client();
  await client.send(
    `POST /slow?${key} HTTP/1.1\r\nHost: a\r\nx-request-id: ${key}\r\nContent-Length: 0\r\n${headers}\r\n`,
  );
  await until(() => isShut(key), 'the handler');
  return { key, cut: () => client.cut(), sees: (text) => client.sees(text) };
}

/** That a first answer is given again, and its request not done again. */
function repeats(path: string, body: string, headers?: Record<string, string>): HostCase {
  return {
    name: `POST ${path} is answered again as it was`,
    async run(tools) {
      const key = newId();
      const first = await post(tools, path, key, body, headers);
      assert.deepEqual([first.status, first.text, replayed(first)], [200, body, null]);
      const second = await again(() => post(tools, path, key, body, headers));
      assert.deepEqual([second.status, second.text, replayed(second)], [200, body, 'true']);
      assert.equal(typeOf(second), typeOf(first));
      assert.equal(second.headers.get('content-length'), String(Buffer.byteLength(body)));
      assertProblem(await post(tools, path, key, '{"b":2}', headers), 422, 'middleware.idempotency_key_reused');
    },
  };
}

export const keys: readonly HostCase[] = [
  repeats('/parsed', '{"a":[1,"ü"]}'),
  repeats('/echo', 'grüße', OCTETS),
  {
    name: 'a body in chunks, and in pieces, reaches the application',
    async run(tools) {
      const client = tools.client();
      const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n';
      await client.send(`${head}Idempotency-Key: ${newId()}\r\nTransfer-Encoding: chunked\r\n\r\n`);
      await client.drip('5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n');
      assert.match(await client.end(), /^HTTP\/1\.1 200 [^]*hello world/);
    },
  },
  {
    name: 'the connection is good for the next request',
    async run(tools) {
      const client = tools.client();
      const head = 'POST /parsed HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\n';
      await client.send(`${head}Idempotency-Key: ${newId()}\r\n\r\n{"a":1}`);
      await client.sees(/\{"a":1\}/);
      await client.send('GET /text HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      assert.match(await client.end(), /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 200 /);
    },
  },
  {
    name: 'no body at all',
    async run(tools) {
      const key = newId();
      assert.equal((await post(tools, '/echo', key, '', OCTETS)).status, 200);
      const seen = await again(() => post(tools, '/echo', key, '', OCTETS));
      assert.deepEqual([seen.status, seen.text, replayed(seen)], [200, '', 'true']);
    },
  },
  {
    name: 'a body that is larger than what is compared is a 413',
    async run(tools) {
      const seen = await post(tools, '/echo', newId(), 'x'.repeat(10_001), OCTETS);
      assertProblem(seen, 413, 'middleware.body_too_large');
    },
  },
  {
    name: 'while the first is being done, the second is told to wait',
    async run(tools) {
      const { key, sees } = await begun(tools, `Idempotency-Key: twice\r\n`);
      const second = () => post(tools, `/slow?${key}`, 'twice', undefined, {});
      assertProblem(await second(), 409, 'middleware.idempotency_key_in_use');
      // Longer than the lease: it is renewed while the first works.
      await new Promise((resolve) => setTimeout(resolve, 400));
      assertProblem(await second(), 409, 'middleware.idempotency_key_in_use');
      open(key);
      await sees(/done$/);
      const seen = await again(second);
      assert.deepEqual([seen.status, seen.text, replayed(seen)], [200, 'done', 'true']);
    },
  },
  {
    name: 'a client that left finds what the application came to',
    async run(tools) {
      const { key, cut } = await begun(tools, `Idempotency-Key: left\r\n`);
      cut();
      await tools.ended(key);
      open(key);
      const seen = await again(() => post(tools, `/slow?${key}`, 'left', undefined, {}));
      assert.deepEqual([seen.status, seen.text, replayed(seen)], [200, 'done', 'true']);
    },
  },
  {
    name: 'a time limit answers for an application that waits, and the host lives',
    async run(tools) {
      const { key, sees } = await begun(tools, `x-wait-ms: 50\r\n`);
      await sees(/^HTTP\/1\.1 503 [^]*middleware\.timed_out/);
      open(key);
      await tools.lives();
    },
  },
  ...[
    ['/slow?gone', 'There is no such user.'],
    ['/nothing', undefined],
  ].map(
    ([path = '', detail]): HostCase => ({
      name: `the problem of POST ${path} is answered again as it was`,
      async run(tools) {
        const key = newId();
        const first = await post(tools, path, key, undefined, {});
        assertProblem(first, 404, 'not_found', detail);
        const second = await again(() => post(tools, path, key, undefined, {}));
        assert.deepEqual([second.status, second.text, replayed(second)], [404, first.text, 'true']);
        assert.equal(typeOf(second), typeOf(first));
      },
    }),
  ),
  {
    name: 'an error of the application frees the key',
    async run(tools) {
      const key = newId();
      for (let attempt = 0; attempt < 2; attempt++) {
        const seen = await again(() => post(tools, '/slow?fails', key, undefined, {}));
        assert.deepEqual([seen.status, replayed(seen)], [500, null]);
      }
    },
  },
];
