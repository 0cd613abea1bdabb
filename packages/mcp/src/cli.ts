#!/usr/bin/env node
// The program `ent-mcp`. What it can do: `ent-mcp --help`.
import { EntError } from '@ent/errors';
import {
  commandOf,
  missingPackage,
  parseCommandLine,
  readsEnvFile,
  refuseOptions,
  runProgram,
  startProgram,
  UsageError,
} from '@ent/internal';
import { mcpErrors } from './errors.ts';
import { createMcp } from './mcp.ts';
import { serveStdio } from './stdio.ts';
import type { Tool } from './tool.ts';

const HELP = `ent-mcp: a server of the Model Context Protocol, over the standard input and output, that only reads.

  ent-mcp redis         ENT_MCP_REDIS_URL, such as redis://user:password@127.0.0.1:6379
  ent-mcp rabbitmq      ENT_MCP_RABBITMQ_URL, such as amqp://user:password@127.0.0.1:5672, and
                        ENT_MCP_RABBITMQ_MANAGEMENT_URL, such as http://user:password@127.0.0.1:15672, to list queues
  ent-mcp opensearch    ENT_MCP_OPENSEARCH_URL, such as http://user:password@127.0.0.1:9200; Elasticsearch too

URLs come from the environment: a command line can be read by others. Use a login that may only read.
Exit codes: 0 the client is gone, 2 a wrong command or URL, 3 a library that is not installed, 130 interrupted.
`;

/** The version that clients are shown: what is told of the protocol, and not of the npm package. */
const VERSION = '1.0.0';

const SERVERS: Readonly<Record<string, () => Promise<Tool[]>>> = {
  redis: async () => (await import('./servers/redis.ts')).redisTools({ url: variable('ENT_MCP_REDIS_URL') }),
  rabbitmq: async () =>
    (await import('./servers/rabbitmq.ts')).rabbitmqTools({
      url: variable('ENT_MCP_RABBITMQ_URL'),
      managementUrl: process.env['ENT_MCP_RABBITMQ_MANAGEMENT_URL'] || undefined,
    }),
  opensearch: async () =>
    (await import('./servers/opensearch.ts')).opensearchTools({ url: variable('ENT_MCP_OPENSEARCH_URL') }),
};

/**
 * Runs `ent-mcp`, and answers its exit code when the client is gone. It reads the standard input and writes to the
 * standard output of this process.
 *
 * @param argv without the program: `['redis']`
 * @throws `mcp.invalid_options` for what is no list of texts, and nothing else
 */
export async function main(argv: readonly string[]): Promise<number> {
  if (!Array.isArray(argv) || !argv.every((arg) => typeof arg === 'string')) {
    throw mcpErrors.invalid_options('main of ent-mcp takes a list of texts.');
  }
  return runProgram(
    'ent-mcp',
    argv,
    (terminal, signal) => run(argv, signal, (text) => terminal.complain(text)),
    meaningOf,
  );
}

async function run(argv: readonly string[], signal: AbortSignal, tell: (text: string) => void): Promise<number> {
  const { values, positionals } = parseCommandLine(argv, { help: { type: 'boolean' } });
  const [name = '', ...rest] = positionals;
  if (values.help === true || name === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const open = commandOf(SERVERS, name);
  refuseOptions(name, values, []);
  if (rest.length > 0) throw new UsageError(`${name} takes no arguments: its URL comes from the environment.`);
  const mcp = createMcp({ name: `ent-${name}`, version: VERSION, tools: await open() });
  // Not what the message says: it may hold anything.
  const connection = serveStdio(mcp, {
    onError: () => tell('a line that is no message of the protocol was passed over.'),
  });
  signal.addEventListener('abort', () => void connection.close(), { once: true });
  await connection.closed;
  return 0;
}

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new UsageError(`Set ${name}. ${readsEnvFile('@ent/mcp')}.`);
  return value;
}

function meaningOf(error: unknown): { readonly text: string; readonly code: number } {
  if (error instanceof UsageError) return { text: error.message, code: 2 };
  const library = missingPackage(error);
  if (library !== undefined)
    return { text: `The package ${library} is not installed; run npm install ${library}.`, code: 3 };
  return { text: EntError.is(error) ? `${error.message} (${error.code})` : String(error), code: 2 };
}

startProgram(import.meta.filename, main);
