import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { EntError } from '@ent/errors';
import { kindOf, readBearer, refuseUnknown } from '@ent/internal';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  localhostAllowedHostnames,
  validateHostHeader,
  validateOriginHeader,
} from '@modelcontextprotocol/server';
import { mcpErrors } from './errors.ts';
import { demandMcp } from './internal/demand.ts';
import type { Mcp } from './mcp.ts';

/** Options of {@link mcpHandler}. */
export interface McpHandlerOptions {
  /**
   * Who may ask: the one token that clients send as `Authorization: Bearer <token>`, of at least 16 characters; or a
   * function that looks at the token and throws, or answers nothing or `false`, for one that it does not take. An error
   * that it throws answers with its status from 401 to 499, any other one with 503. There is no default: without a
   * login anybody on the machine could ask.
   */
  readonly token: string | ((token: string) => unknown);
  /** Names, without ports, that the `Host` of a request may have. Default: those of the loopback interface. */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Names of hosts whose pages may ask from a browser (`Origin`). Default: none. Requests that are not from a page have
   * no origin.
   */
  readonly origins?: readonly string[] | undefined;
  /** Most bytes of a request. Default: 1 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Told of what went wrong outside of the tools, such as a request that is no message. Default: nobody. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** What {@link mcpHandler} gives. */
export interface McpHandler {
  /** Answers a request, whatever its path. Never rejects. */
  readonly handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** Ends what clients have open. Requests after it are refused. Call it before the server drains. */
  readonly close: () => Promise<void>;
}

const OPTIONS = { token: true, hosts: true, origins: true, maxBodyBytes: true, onError: true } as const;
const SHORTEST_TOKEN = 16;

/**
 * Serves the tools by streamable HTTP, as a handler for `node:http` beside others. It keeps nothing between two
 * requests, so that any of several instances may answer. Clients of the protocol's revision 2026-07-28 are served, and
 * those of 2025.
 *
 * A request from another host than `hosts` (403), from a page of another origin than `origins` (403), or without the
 * right token (401) is refused before its body is read.
 *
 * @throws `mcp.invalid_options` for an option that is unknown, missing or of the wrong kind
 * @example
 * ```ts
 * import { createServer } from 'node:http';
 * import { createMcp, mcpHandler } from '@ent/mcp';
 *
 * const mcp = createMcp({ name: 'shop', version: '1.0.0', tools: [] });
 * const { handle, close } = mcpHandler(mcp, { token: process.env['MCP_TOKEN'] ?? 'only-an-example-of-one' });
 * const server = createServer((req, res) => void (req.url === '/mcp' ? handle(req, res) : res.end('the shop')));
 * server.listen(0, '127.0.0.1', () => server.close());
 * await close();
 * ```
 */
export function mcpHandler(mcp: Mcp, options: McpHandlerOptions): McpHandler {
  demandMcp(mcp, 'mcpHandler');
  refuseUnknown(options, OPTIONS, 'mcpHandler', mcpErrors.invalid_options);
  const { token, maxBodyBytes = 1024 * 1024, onError } = options;
  const hosts = namesOf(options.hosts, 'hosts') ?? localhostAllowedHostnames();
  const origins = namesOf(options.origins, 'origins') ?? [];
  if (!Number.isSafeInteger(maxBodyBytes) || maxBodyBytes < 1) {
    throw mcpErrors.invalid_options('mcpHandler: maxBodyBytes must be a whole number from 1 on.');
  }
  if (onError !== undefined && typeof onError !== 'function') {
    throw mcpErrors.invalid_options('mcpHandler: onError must be a function.');
  }
  const verify = verifierOf(token);
  const tell = (error: Error): void => onError?.(error);
  const served = createMcpHandler(() => mcp.server(), { maxRequestBodySize: maxBodyBytes, onerror: tell });
  const serve = toNodeHandler(served, { maxRequestBodySize: maxBodyBytes, onerror: tell });
  let isClosed = false;

  /** Why a request is not served. */
  const refusalOf = async ({ headers }: IncomingMessage): Promise<Refusal | undefined> => {
    if (isClosed) return { status: 503, message: 'The server is closing.' };
    const host = validateHostHeader(headers.host, hosts);
    if (!host.ok) return { status: 403, message: 'This host is not served: it is none of the option "hosts".' };
    const origin = validateOriginHeader(headers.origin, origins);
    if (!origin.ok)
      return { status: 403, message: 'Pages of this origin may not ask: it is none of the option "origins".' };
    const reading = readBearer(headers.authorization);
    // RFC 6750, section 3: who sent no token at all is told no error.
    if (reading.fault !== undefined) return unauthorized(reading.fault === 'missing' || reading.fault === 'scheme');
    try {
      const principal = await verify(reading.token);
      return principal === undefined || principal === null || principal === false ? unauthorized(false) : undefined;
    } catch (error) {
      const { status, message, expose } = EntError.from(error);
      if (status === 401) return unauthorized(false);
      if (status > 401 && status < 500) return { status, message: expose ? message : 'This token may not ask.' };
      tell(error instanceof Error ? error : new Error('The token could not be looked at.', { cause: error }));
      return { status: 503, message: 'The token could not be looked at.' };
    }
  };

  return {
    async handle(req, res) {
      try {
        const refusal = await refusalOf(req);
        // Its type is strict about absent members, which node gives as undefined.
        if (refusal === undefined) await serve(req as IncomingMessage & { method: string; url: string }, res);
        else refuse(res, refusal);
      } catch (error) {
        // The client is gone; or a header that node does not send.
        tell(error as Error);
        res.destroy();
      }
    },
    async close() {
      isClosed = true;
      await served.close();
    },
  };
}

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly challenge?: string;
}

function unauthorized(isSilent: boolean): Refusal {
  return {
    status: 401,
    message: 'Send the token of this server: "Authorization: Bearer <token>".',
    challenge: isSilent ? 'Bearer' : 'Bearer error="invalid_token"',
  };
}

/** As the SDK refuses: an error of JSON-RPC without an id. */
function refuse(res: ServerResponse, { status, message, challenge }: Refusal): void {
  res.writeHead(status, {
    'content-type': 'application/json',
    // Its body is not read.
    connection: 'close',
    ...(challenge !== undefined && { 'www-authenticate': challenge }),
  });
  res.end(JSON.stringify({ jsonrpc: '2.0', error: { code: -32_000, message }, id: null }));
}

function verifierOf(token: unknown): (token: string) => unknown {
  if (typeof token === 'function') return token as (token: string) => unknown;
  if (typeof token !== 'string' || token.length < SHORTEST_TOKEN) {
    throw mcpErrors.invalid_options(
      `mcpHandler: token must be a text of at least ${SHORTEST_TOKEN} characters, or a function; got ${kindOf(token)}.`,
    );
  }
  const expected = digestOf(token);
  // Of one length, and in a time that tells nothing of where they differ.
  return (given) => timingSafeEqual(digestOf(given), expected);
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function namesOf(names: unknown, option: string): string[] | undefined {
  if (names === undefined) return undefined;
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw mcpErrors.invalid_options(`mcpHandler: ${option} must be a list of names of hosts; got ${kindOf(names)}.`);
}
