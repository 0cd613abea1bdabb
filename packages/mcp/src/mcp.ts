import { durationOption, type Duration, kindOf, refuseUnknown } from '@ent/internal';
import { McpServer } from '@modelcontextprotocol/server';
import { mcpErrors } from './errors.ts';
import { ToolRunner } from './internal/run-tool.ts';
import { demandTool, type Tool } from './tool.ts';

/** Options of {@link createMcp}. */
export interface McpOptions {
  /** Of the server, as clients show it. */
  readonly name: string;
  readonly version: string;
  readonly tools: readonly Tool[];
  /** How long one call of a tool may take. Default: `"10s"`. */
  readonly timeout?: number | string | undefined;
}

/** A server of tools, for `serveStdio` and `mcpHandler`. */
export interface Mcp {
  readonly name: string;
  readonly version: string;
  readonly tools: readonly Tool[];
  /**
   * A new server of the official SDK with these tools, for a transport of your own: `await
   * mcp.server().connect(transport)`.
   */
  server(): McpServer;
}

const OPTIONS = { name: true, version: true, tools: true, timeout: true } as const;

/**
 * A server of the Model Context Protocol that only reads.
 *
 * What a tool answers goes out as JSON, or as the text that it is, of at most 64 KiB. No secret is in it: nothing whose
 * name says that it is one (`password`, `API_KEY`, `refreshToken`), no login of a URL, no bearer token, JWT or private
 * key, and none of the values that the tools name as `secrets`. A tool that fails, or takes longer than `timeout`,
 * answers an error with a code; the message of an error that is not meant for others stays here.
 *
 * @throws `mcp.invalid_options` for an option that is unknown or of the wrong kind, and for two tools of one name
 * @example
 * ```ts
 * import { createMcp, defineTool } from '@ent/mcp';
 * import { z } from 'zod';
 *
 * const uptime = defineTool({
 *   name: 'uptime',
 *   title: 'Uptime',
 *   description: 'For how many seconds the process has been running.',
 *   input: z.object({}),
 *   run: () => ({ seconds: process.uptime() }),
 * });
 * const mcp = createMcp({ name: 'shop', version: '1.0.0', tools: [uptime] });
 * console.log(mcp.tools.length); // 1
 * ```
 */
export function createMcp(options: McpOptions): Mcp {
  refuseUnknown(options, OPTIONS, 'createMcp', mcpErrors.invalid_options);
  const { name, version, tools } = options;
  for (const [option, value] of Object.entries({ name, version })) {
    if (typeof value !== 'string' || value === '') {
      throw mcpErrors.invalid_options(`createMcp: ${option} must be a text; got ${kindOf(value)}.`);
    }
  }
  if (!isList(tools))
    throw mcpErrors.invalid_options(`createMcp: tools must be a list of tools; got ${kindOf(tools)}.`);
  for (const tool of tools) demandTool(tool, 'createMcp');
  const twice = tools.find((tool, at) => tools.slice(0, at).some((other) => other.name === tool.name));
  if (twice !== undefined) throw mcpErrors.invalid_options(`createMcp: two tools have the name "${twice.name}".`);
  const timeout: Duration = options.timeout ?? '10s';
  const timeoutMs = durationOption(timeout, 'createMcp: timeout', mcpErrors.invalid_options);
  const list: readonly Tool[] = [...tools];
  const runner = new ToolRunner(name, list, timeoutMs);
  return {
    name,
    version,
    tools: list,
    server() {
      const server = new McpServer({ name, version });
      for (const tool of list) {
        const { title, description } = tool;
        const annotations = { readOnlyHint: true, destructiveHint: false, openWorldHint: false };
        server.registerTool(
          tool.name,
          { title, description, inputSchema: tool.input.strict(), annotations },
          (args, call) => runner.run(tool, args, call.mcpReq.signal),
        );
      }
      return server;
    },
  };
}

/** `Array.isArray` makes `any` of what is in a readonly list. */
function isList(tools: readonly Tool[]): boolean {
  return Array.isArray(tools);
}
