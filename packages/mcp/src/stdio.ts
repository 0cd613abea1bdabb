import { refuseUnknown } from '@ent/internal';
import { serveStdio as serve, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import type { Readable, Writable } from 'node:stream';
import { mcpErrors } from './errors.ts';
import { demandMcp, demandMethod } from './internal/demand.ts';
import type { Mcp } from './mcp.ts';

/** Options of {@link serveStdio}. */
export interface StdioOptions {
  /** Where the client writes. Default: the standard input. */
  readonly input?: Readable | undefined;
  /** Where the answers go; nothing else may write there. Default: the standard output. */
  readonly output?: Writable | undefined;
  /** Told of what the client sent that is no message, and of a broken pipe. Default: nobody. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** One client. */
export interface StdioConnection {
  /** Settles when the client is gone, or {@link close} was called. Never rejects. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** Longer messages end the connection: no call of a tool is that long. */
const MOST_BYTES = 1024 * 1024;

/** A transport that tells that it has ended: the SDK takes its `onclose` for itself. */
class Line extends StdioServerTransport {
  readonly #ended = Promise.withResolvers<void>();
  readonly closed = this.#ended.promise;

  override async close(): Promise<void> {
    await super.close();
    this.#ended.resolve();
  }
}

/**
 * Serves one client over the standard input and output, one message a line. A line that is no message is passed over.
 *
 * @throws `mcp.invalid_options` for what is not made by `createMcp`, and for unknown options
 * @example
 * ```ts no-run
 * import { createMcp, serveStdio } from '@ent/mcp';
 *
 * await serveStdio(createMcp({ name: 'shop', version: '1.0.0', tools: [] })).closed;
 * ```
 */
export function serveStdio(mcp: Mcp, options: StdioOptions = {}): StdioConnection {
  demandMcp(mcp, 'serveStdio');
  refuseUnknown(options, { input: true, output: true, onError: true }, 'serveStdio', mcpErrors.invalid_options);
  const { input = process.stdin, output = process.stdout, onError } = options;
  demandMethod(input, 'on', 'serveStdio: input');
  demandMethod(output, 'write', 'serveStdio: output');
  if (onError !== undefined && typeof onError !== 'function') {
    throw mcpErrors.invalid_options('serveStdio: onError must be a function.');
  }
  const transport = new Line(input, output, { maxBufferSize: MOST_BYTES });
  const connection = serve(() => mcp.server(), { transport, onerror: (error) => onError?.(error) });
  return { closed: transport.closed, close: () => connection.close() };
}
