import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { onTestFinished } from 'vitest';
import { createMcp, type Mcp, type McpHandlerOptions, mcpHandler, type Tool } from '../src/index.ts';

export const TOKEN = 'a-token-of-this-test';
/** The protocol's revisions of 2025 and of 2026. */
export const ERAS = ['legacy', 'auto'] as const;
export type Era = (typeof ERAS)[number];

/** What a tool answered. */
export interface Told {
  readonly isError: boolean;
  readonly text: string;
}

export interface Asking {
  readonly client: Client;
  call(tool: string, args?: Record<string, unknown>): Promise<Told>;
  /** The answer as data. */
  data<T = unknown>(tool: string, args?: Record<string, unknown>): Promise<T>;
}

/** The tools of a client. */
export function asking(client: Client): Asking {
  const call = async (name: string, args: Record<string, unknown> = {}): Promise<Told> => {
    const { isError = false, content } = await client.callTool({ name, arguments: args });
    return { isError, text: content.map((each) => (each.type === 'text' ? each.text : '')).join('\n') };
  };
  return {
    client,
    call,
    async data<T>(name: string, args?: Record<string, unknown>): Promise<T> {
      const { isError, text } = await call(name, args);
      if (isError) throw new Error(text);
      return JSON.parse(text) as T;
    },
  };
}

function newClient(era: Era): Client {
  return new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: era } });
}

/** A server on a port of its own, gone after the test. */
export async function listening(listener: RequestListener): Promise<string> {
  // Longer than a busy machine may take between two requests: a client that uses a connection just when it ends is told
  // ECONNRESET.
  const server = createServer({ keepAliveTimeout: 600_000 }, listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

/** Serves by HTTP, until the end of the test. */
export async function served(mcp: Mcp, options: Partial<McpHandlerOptions> = {}): Promise<string> {
  const { handle } = mcpHandler(mcp, { token: TOKEN, ...options });
  return listening((req, res) => void handle(req, res));
}

/** A client of a server that is served by HTTP. */
export async function clientOf(url: string, era: Era = 'legacy', token = TOKEN): Promise<Asking> {
  const client = newClient(era);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  onTestFinished(() => client.close());
  return asking(client);
}

/** A client of a server of these tools, by HTTP. */
export async function clientOfTools(
  tools: readonly Tool[],
  era: Era = 'legacy',
  // Of a test that hangs, and not of what it does on a busy machine.
  timeout = '2m',
): Promise<Asking> {
  return clientOf(await served(createMcp({ name: 'test', version: '1.0.0', tools, timeout })), era);
}

export const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));

/** A client of `ent-mcp`, as an assistant starts it: over its standard input and output. */
export async function clientOfProgram(name: string, env: Record<string, string>, era: Era = 'legacy'): Promise<Asking> {
  const client = newClient(era);
  const args = ['--conditions=@ent/source', CLI, name];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env, stderr: 'ignore' }));
  onTestFinished(() => client.close());
  return asking(client);
}
