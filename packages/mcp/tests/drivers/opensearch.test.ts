import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import { opensearchTools } from '../../src/servers/opensearch.ts';
import { clientOfProgram, clientOfTools, ERAS } from '../support.ts';

const CANARY = 'Xq7-canary-Kp2';

describeWithServer('opensearch', (server) => {
  const index = `logs-${uniqueName('mcp').replaceAll('_', '-')}`;

  const write = async (document: object): Promise<void> => {
    // One that is given by URL may want a login.
    const { origin, username, password } = new URL(server.url);
    const login = Buffer.from(`${username}:${password}`).toString('base64');
    const headers = {
      'content-type': 'application/json',
      ...(username !== '' && { authorization: `Basic ${login}` }),
    };
    const response = await fetch(`${origin}/${index}/_doc?refresh=true`, {
      method: 'POST',
      headers,
      body: JSON.stringify(document),
    });
    expect(response.status).toBe(201);
  };

  describe.each(ERAS)('asked over the standard input by a client of the era %s', (era) => {
    it('tells of itself, its indices, their fields and documents', async () => {
      await write({ '@timestamp': '2026-11-30T10:00:00Z', message: 'first', password: CANARY });
      await write({ '@timestamp': '2026-11-30T11:00:00Z', message: 'second', error: `at http://u:${CANARY}@h` });
      const { data, call } = await clientOfProgram('opensearch', { ENT_MCP_OPENSEARCH_URL: server.url }, era);
      expect(await data('opensearch_cluster')).toMatchObject({ health: { number_of_nodes: 1, timed_out: false } });
      expect(await data('opensearch_indices', { pattern: `${index}*` })).toMatchObject([{ index }]);
      expect(await data('opensearch_mapping', { index })).toMatchObject({
        [index]: { mappings: { properties: { '@timestamp': { type: 'date' } } } },
      });
      const found = await data('opensearch_search', {
        index,
        query: 'message:first OR message:second',
        sort: '@timestamp:desc',
        size: 1,
      });
      expect(found).toMatchObject({ timedOut: false, found: [{ index, document: { message: 'second' } }] });
      const { text } = await call('opensearch_search', { index });
      expect(text).toContain('first');
      expect(text).not.toContain(CANARY);
      expect(await data('opensearch_search', { index, fields: ['message'], size: 1 })).toMatchObject({
        found: [{ document: { message: expect.any(String) as string } }],
      });
    });
  });

  it('names what it does not understand', async () => {
    await write({ message: 'x' });
    const { call } = await clientOfTools(opensearchTools({ url: server.url }));
    expect((await call('opensearch_mapping', { index: 'no-such-index' })).text).toMatch(
      /no such index \[no-such-index\].*\(mcp\.not_found\)$/,
    );
    expect((await call('opensearch_search', { index, query: 'message:[' })).text).toMatch(
      /does not understand that.*\(mcp\.invalid_argument\)$/,
    );
  });
});

describe('opensearch_search', () => {
  it.each(['_all', '../_cluster', 'a/_delete_by_query', '', 'A', '-a', '<a-{now}>', 'remote:a', 'a?b', 'a%2f_doc'])(
    'refuses the index %j before anything is asked',
    async (index) => {
      const { call } = await clientOfTools(opensearchTools({ url: 'http://127.0.0.1:1' }));
      for (const tool of ['opensearch_search', 'opensearch_mapping']) {
        expect(await call(tool, { index })).toMatchObject({
          isError: true,
          text: expect.stringMatching(/Invalid arguments .* index/) as string,
        });
      }
    },
  );

  it.each([
    ['is away', undefined, /cannot be reached \(ECONNREFUSED\)\. \(mcp\.unavailable\)$/],
    ['is no HTTP server', 'SSH-2.0-OpenSSH\r\n', /cannot be reached .*\(mcp\.unavailable\)$/],
    [
      'is another server',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
      /what is no JSON.*\(mcp\.unavailable\)$/,
    ],
    [
      'sends it elsewhere',
      'HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2/\r\ncontent-length: 0\r\n\r\n',
      /cannot be reached .*\(mcp\.unavailable\)$/,
    ],
    [
      'hangs up in the middle',
      'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"a":',
      /cannot be reached .*\(mcp\.unavailable\)$/,
    ],
    [
      'never ends',
      `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(9 * 1024 * 1024)}`,
      /longer than 8 MiB: ask for less\. \(mcp\.refused\)$/,
    ],
  ])('tells when the server %s, and nothing of its login', async (_what, answer, message) => {
    // What speaks here is no OpenSearch, and that is the case.
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(answer ?? ''));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    if (answer === undefined) server.close();
    const { call } = await clientOfTools(opensearchTools({ url: `http://reader:${CANARY}@127.0.0.1:${port}` }));
    const { isError, text } = await call('opensearch_cluster');
    server.close();
    expect(isError).toBe(true);
    expect(text).toMatch(message);
    expect(text).not.toContain(CANARY);
  });
});
