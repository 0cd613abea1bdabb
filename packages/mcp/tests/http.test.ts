import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { AuthorizationError, defineErrors, InternalError } from '@ent/errors';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { channels, createMcp, defineTool, type McpHandlerOptions, mcpHandler, type Tool } from '../src/index.ts';
import { clientOf, clientOfTools, ERAS, listening, served, TOKEN } from './support.ts';

const tool = (name: string, run: Tool['run'], input: z.ZodObject = z.object({})): Tool =>
  defineTool({ name, title: name, description: name, input, run });
const mcpOf = (...tools: Tool[]) => createMcp({ name: 'test', version: '1.0.0', tools });
const pong = tool('ping', () => ({ pong: true }));

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};
const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  authorization: `Bearer ${TOKEN}`,
};

/** With headers that fetch would not send. */
async function post(
  url: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: unknown }> {
  const req = request(url, { method: 'POST', headers: { ...HEADERS, ...headers } });
  req.end(body);
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of res) text += String(chunk);
  return { status: res.statusCode ?? 0, text, headers: res.headers };
}

describe.each(ERAS)('by HTTP, a client of the era %s', (era) => {
  it('lists tools, all of which only read, and calls them', async () => {
    const greet = tool('greet', ({ name }) => `Hello ${String(name)}.`, z.object({ name: z.string().max(5) }));
    const { client, call, data } = await clientOfTools([pong, greet], era);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['ping', 'greet']);
    for (const { annotations } of tools)
      expect(annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false });
    expect(tools[1]?.inputSchema).toMatchObject({ required: ['name'], additionalProperties: false });
    expect(await data('ping')).toEqual({ pong: true });
    expect(await call('greet', { name: 'Ada' })).toEqual({ isError: false, text: 'Hello Ada.' });
  });

  it('is told what is wrong with a call, by name', async () => {
    const { client, call } = await clientOfTools([tool('greet', () => '', z.object({ name: z.string().max(5) }))], era);
    expect(await call('greet', { name: 'Wolfgang' })).toMatchObject({
      isError: true,
      text: expect.stringContaining('name') as string,
    });
    expect(await call('greet', { name: 'Ada', nmae: 1 })).toMatchObject({
      isError: true,
      text: expect.stringContaining('nmae') as string,
    });
    await expect(client.callTool({ name: 'great' })).rejects.toThrow('great');
  });
});

describe('a tool that fails', () => {
  const errors = defineErrors('test_of_mcp', {
    shown: { class: AuthorizationError, expose: true },
    hidden: { class: InternalError, expose: false, title: 'Out of order' },
  });

  it('tells the code, and the message only where it is meant for others', async () => {
    const { call } = await clientOfTools([
      tool('shown', () => Promise.reject(errors.shown('Not for you; password=Xq7canary.'))),
      tool('hidden', () => Promise.reject(errors.hidden('The user of db.internal is Xq7canary.'))),
      tool('foreign', () => Promise.reject(new TypeError('Xq7canary is not a function'))),
      tool('nothing', () => {
        throw undefined; // oxlint-disable-line typescript/only-throw-error -- as JavaScript may
      }),
    ]);
    expect(await call('shown')).toEqual({
      isError: true,
      text: 'Not for you; password=[redacted] (test_of_mcp.shown)',
    });
    expect(await call('hidden')).toEqual({ isError: true, text: 'hidden failed: Out of order (test_of_mcp.hidden).' });
    expect(await call('foreign')).toEqual({ isError: true, text: 'foreign failed: Internal Server Error (internal).' });
    expect(await call('nothing')).toEqual({ isError: true, text: 'nothing failed: Internal Server Error (internal).' });
  });

  it('by taking too long is named; its signal aborts, and those that hang are no more than 16', async () => {
    const signals: AbortSignal[] = [];
    const hang = tool('hang', (_args, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    });
    const { call } = await clientOfTools([hang, pong], 'legacy', '200ms');
    const late = await Promise.all(Array.from({ length: 16 }, () => call('hang')));
    for (const each of late)
      expect(each).toEqual({ isError: true, text: 'hang took longer than 200 ms. (mcp.timeout)' });
    expect(signals).toHaveLength(16);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    expect((await call('ping')).text).toMatch(/^16 calls .*\(mcp\.busy\)$/);
  });

  it('is published on its channel', async () => {
    const ended: unknown[] = [];
    const listener = {
      asyncEnd: ({ server, tool: name, error }: { server: string; tool: string; error?: unknown }) =>
        void ended.push([server, name, error]),
    };
    channels.call.subscribe(listener as never);
    const failure = new Error('no');
    try {
      const { call } = await clientOfTools([pong, tool('fail', () => Promise.reject(failure))]);
      await call('ping');
      await call('fail');
    } finally {
      channels.call.unsubscribe(listener as never);
    }
    expect(ended).toEqual([
      ['test', 'ping', undefined],
      ['test', 'fail', failure],
    ]);
  });

  it('to say what its secrets are answers nothing, nor does any other', async () => {
    const broken: Tool = {
      ...tool('broken', () => 'Xq7canary'),
      secrets: () => {
        throw new Error('Xq7canary');
      },
    };
    const { call } = await clientOfTools([broken, pong]);
    for (const name of ['broken', 'ping']) {
      expect(await call(name)).toEqual({ isError: true, text: `${name} failed: Internal Server Error (internal).` });
    }
  });
});

describe('who may ask', () => {
  const ask = async (options: Partial<McpHandlerOptions>, headers: Record<string, string>) => {
    const run = vi.fn(() => ({}));
    const url = await served(mcpOf(tool('t', run)), options);
    const answer = await post(url, JSON.stringify(INITIALIZE), headers);
    expect(run).not.toHaveBeenCalled();
    return answer;
  };

  it('has the token', async () => {
    expect((await ask({}, {})).status).toBe(200);
    for (const authorization of ['', 'Basic dXNlcg==']) {
      expect(await ask({}, { authorization })).toMatchObject({
        status: 401,
        headers: { 'www-authenticate': 'Bearer' },
      });
    }
    for (const authorization of [`Bearer ${TOKEN}x`, 'Bearer x', 'Bearer a b', `Bearer ${'x'.repeat(9000)}`]) {
      const { status, headers, text } = await ask({}, { authorization });
      expect({ status, headers }).toMatchObject({
        status: 401,
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
      });
      expect(text).not.toContain(TOKEN);
    }
  });

  it('is taken by the function', async () => {
    const onError = vi.fn();
    const by = async (token: (token: string) => unknown): Promise<number> => (await ask({ token, onError }, {})).status;
    expect(await by((token) => ({ token }))).toBe(200);
    expect(await by(async (token) => token === TOKEN)).toBe(200);
    for (const nobody of [undefined, null, false]) expect(await by(() => nobody)).toBe(401);
    expect(await by(() => Promise.reject(new AuthorizationError('Only for administrators.')))).toBe(403);
    expect(onError).not.toHaveBeenCalled();
    const failure = new Error('Xq7canary');
    const { status, text } = await ask({ token: () => Promise.reject(failure), onError }, {});
    expect(status).toBe(503);
    expect(text).not.toContain('Xq7canary');
    expect(onError.mock.calls).toEqual([[failure]]);
  });

  it('asks for a host that is served', async () => {
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:80']) expect((await ask({}, { host })).status).toBe(200);
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.'])
      expect((await ask({}, { host })).status).toBe(403);
    expect((await ask({ hosts: ['shop.example'] }, { host: 'shop.example:8000' })).status).toBe(200);
    expect((await ask({ hosts: ['shop.example'] }, { host: '127.0.0.1' })).status).toBe(403);
  });

  it('comes from no page, or from one that may ask', async () => {
    for (const origin of ['https://evil.example', 'http://localhost:3000', 'null', 'x'])
      expect((await ask({}, { origin })).status).toBe(403);
    expect((await ask({ origins: ['tools.example'] }, { origin: 'https://tools.example' })).status).toBe(200);
    expect((await ask({ origins: ['tools.example'] }, { origin: 'https://tools.example.evil' })).status).toBe(403);
  });

  it('is refused once the handler is closed', async () => {
    const { handle, close } = mcpHandler(mcpOf(pong), { token: TOKEN });
    const url = await listening((req, res) => void handle(req, res));
    await close();
    expect((await post(url, JSON.stringify(INITIALIZE))).status).toBe(503);
  });
});

describe('garbage', () => {
  it.each([
    '',
    '{',
    'null',
    '[]',
    '7',
    '"x"',
    '{"jsonrpc":"1.0"}',
    '{"jsonrpc":"2.0","id":1}',
    '\u0000\u0001',
    `[${'['.repeat(50_000)}`,
  ])('as the body %j is refused, and the next call is answered', async (body) => {
    const url = await served(mcpOf(pong));
    const { status } = await post(url, body);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(await (await clientOf(url)).data('ping')).toEqual({ pong: true });
  });

  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD'])('as the method %s is refused', async (method) => {
    const response = await fetch(await served(mcpOf(pong)), { method, headers: HEADERS });
    expect(response.status).toBe(405);
  });

  it('as another content type is refused, and too long a body', async () => {
    const url = await served(mcpOf(pong), { maxBodyBytes: 1000 });
    expect((await post(url, JSON.stringify(INITIALIZE), { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(url, JSON.stringify({ ...INITIALIZE, padding: 'x'.repeat(2000) }))).status).toBe(413);
  });

  it('in the middle of what is HTTP no more, or a connection that is cut, harms nobody else', async () => {
    const started = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    const wait = tool('wait', (_args, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve());
      started.resolve();
      return new Promise(() => {});
    });
    const url = await served(mcpOf(pong, wait));
    const { port } = new URL(url);
    // Half of a body, and gone.
    const half = connect(Number(port), '127.0.0.1');
    await once(half, 'connect');
    half.write(
      `POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: Bearer ${TOKEN}\r\ncontent-length: 500\r\n\r\n{"json`,
    );
    half.destroy();
    const noise = connect(Number(port), '127.0.0.1');
    noise.on('error', () => {});
    noise.end('\u0000\u0001\u0002 what is that\r\n\r\n');
    // In the middle of a call: its work is given up.
    const { client } = await clientOf(url, 'auto');
    const call = client.callTool({ name: 'wait' }).catch(() => 'cut');
    await started.promise;
    await client.close();
    await aborted.promise;
    expect(await call).toBe('cut');
    expect(await (await clientOf(url)).data('ping')).toEqual({ pong: true });
  });
});
