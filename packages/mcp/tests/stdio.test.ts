import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { main } from '../src/cli.ts';
import { createMcp, defineTool, serveStdio } from '../src/index.ts';
import { CLI, clientOfProgram, ERAS } from './support.ts';

const pong = defineTool({
  name: 'ping',
  title: 'Ping',
  description: 'Answers.',
  input: z.object({}),
  run: () => 'pong',
});
const mcp = createMcp({ name: 'test', version: '1.0.0', tools: [pong] });

/** A port that nobody listens on. */
const NOBODY = 'redis://reader:Xq7canary@127.0.0.1:1';

const line = (message: object): string => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`;
const INITIALIZE = line({
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});
const CALL = line({ id: 2, method: 'tools/call', params: { name: 'ping', arguments: {} } });

/** A connection over two streams, and the answers that came, by their id. */
function connected() {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const onError = vi.fn();
  const connection = serveStdio(mcp, { input, output, onError });
  onTestFinished(() => connection.close());
  let text = '';
  output.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const answers = (): unknown[] =>
    text
      .split('\n')
      .filter(Boolean)
      .map((each) => (JSON.parse(each) as { id: unknown }).id);
  return { input, output, connection, onError, answers };
}

describe.each(ERAS)('ent-mcp, asked by a client of the era %s', (era) => {
  it('tells that a server is away, without its password', async () => {
    const { client, call } = await clientOfProgram('redis', { ENT_MCP_REDIS_URL: NOBODY }, era);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['redis_info', 'redis_keys', 'redis_key']);
    expect(await call('redis_info')).toEqual({
      isError: true,
      text: 'Redis cannot be reached (ECONNREFUSED). (mcp.unavailable)',
    });
    expect(await call('redis_keys', { limit: 0 })).toMatchObject({
      isError: true,
      text: expect.stringContaining('limit') as string,
    });
    expect(await call('redis_keys', { cursor: 'Xq7' })).toMatchObject({
      isError: true,
      text: expect.stringContaining('cursor') as string,
    });
  });
});

describe('a line of garbage', () => {
  it.each([
    'garbage',
    '',
    '{}',
    '[]',
    '{"jsonrpc":"2.0"}',
    '\u0000\u0001',
    '{"jsonrpc":"2.0","method":7}',
    'x'.repeat(100_000),
  ])('is passed over (%#)', async (garbage) => {
    const { input, answers } = connected();
    input.write(`${garbage}\n${INITIALIZE}${garbage}\n${CALL}${garbage}\n`);
    await expect.poll(answers).toEqual([1, 2]);
  });

  it('in pieces is read as one', async () => {
    const { input, answers } = connected();
    for (const byte of INITIALIZE + CALL) input.write(byte);
    await expect.poll(answers).toEqual([1, 2]);
  });

  it('of more than a mebibyte ends the connection', async () => {
    const { input, connection, onError } = connected();
    input.write('x'.repeat(2 * 1024 * 1024));
    await connection.closed;
    expect(onError).toHaveBeenCalled();
  });
});

describe('a connection', () => {
  it('ends with its input, also in the middle of a line', async () => {
    const { input, connection } = connected();
    input.write(INITIALIZE);
    input.end('{"jsonrpc":');
    await connection.closed;
  });

  it.each(['input', 'output'] as const)('ends when its %s breaks', async (which) => {
    const { [which]: stream, input, connection, answers } = connected();
    input.write(INITIALIZE);
    await expect.poll(answers).toEqual([1]);
    stream.destroy(new Error('EPIPE'));
    await connection.closed;
  });
});

describe('the program', () => {
  /** Without a process for each: what `ent-mcp` says is what `main` says. */
  const told = async (args: string[], env: Record<string, string>): Promise<{ code: number; text: string }> => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    let text = '';
    const write = (chunk: unknown): boolean => (text += String(chunk)) !== '';
    const spies = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockImplementation(write));
    try {
      return { code: await main(args), text };
    } finally {
      for (const spy of spies) spy.mockRestore();
      vi.unstubAllEnvs();
    }
  };

  it.each([
    [[], {}, 'Say what to do'],
    [['postgres'], {}, 'There is no command "postgres"'],
    [['redis'], {}, 'Set ENT_MCP_REDIS_URL. A .env file is read by: node --env-file='],
    [
      ['redis'],
      { ENT_MCP_REDIS_URL: 'http://u:Xq7canary@h' },
      'must be a URL of redis: or rediss:; got the scheme "http:"',
    ],
    [['redis'], { ENT_MCP_REDIS_URL: 'redis://u:Xq7canary@h/x y?a=1' }, 'redis: URLs have no parameters; got "a"'],
    [['rabbitmq'], { ENT_MCP_RABBITMQ_URL: 'Xq7canary' }, 'must be a URL of amqp: or amqps:'],
    [['opensearch'], { ENT_MCP_OPENSEARCH_URL: 'ftp://u:Xq7canary@h' }, 'must be an http: or https: URL'],
    [['redis', 'redis://u:Xq7canary@h'], { ENT_MCP_REDIS_URL: NOBODY }, 'takes no arguments'],
    [['redis', '--url', 'x'], { ENT_MCP_REDIS_URL: NOBODY }, "Unknown option '--url'"],
  ])('refuses %j with %j', async (args, env, message) => {
    const { code, text } = await told(args, env);
    expect(code).toBe(2);
    expect(text).toContain(message);
    expect(text).not.toContain('Xq7canary');
  });

  it('says what it can do', async () => {
    const { code, text } = await told(['--help'], {});
    expect(code).toBe(0);
    expect(text).toContain('ENT_MCP_RABBITMQ_MANAGEMENT_URL');
  });

  it.each([
    ['its client is gone', (child: ChildProcess) => void child.stdin?.end(), 0],
    ['somebody interrupts it', (child: ChildProcess) => void child.kill('SIGTERM'), 130],
  ])('ends when %s', async (_when, end, code) => {
    const args = ['--conditions=@ent/source', CLI, 'redis'];
    const child = spawn(process.execPath, args, {
      env: { ENT_MCP_REDIS_URL: NOBODY },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = once(child, 'exit');
    child.stdin.write(INITIALIZE);
    await once(child.stdout, 'data');
    end(child);
    expect((await ended)[0]).toBe(code);
  });
});
