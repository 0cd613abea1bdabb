import { kindOf } from '@ent/internal';
import type { z } from 'zod';
import { mcpErrors } from './errors.ts';

/** What a tool gets beside its arguments. */
export interface ToolCall {
  /** Aborts when the time of the call is up, or the client has given it up. */
  readonly signal: AbortSignal;
}

/**
 * Something that a client may ask. It only reads: all tools are announced as such (`readOnlyHint`), and clients call
 * those without asking anybody.
 */
export interface Tool<Input extends z.ZodObject = z.ZodObject> {
  /** Lower-case words joined by `_`, as in `redis_info`. */
  readonly name: string;
  readonly title: string;
  /** For the model that chooses among tools: what it answers, and when to ask it. */
  readonly description: string;
  /** Its arguments. Names that are not there are refused. */
  readonly input: Input;
  /** Answers data, or a text. It need not be short or free of secrets: see `createMcp`. */
  run(args: z.output<Input>, call: ToolCall): unknown;
  /** Values that no answer of the server may hold, such as the password by which it signs in. Asked at each call. */
  secrets?(): Iterable<string>;
}

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

/**
 * Types a tool by the schema of its arguments, and forgets that type, so that tools fit in one list.
 *
 * @throws `mcp.invalid_options` for what is no tool
 * @example
 * ```ts
 * import { defineTool } from '@ent/mcp';
 * import { z } from 'zod';
 *
 * const time = defineTool({
 *   name: 'time',
 *   title: 'Time',
 *   description: 'The time in a zone.',
 *   input: z.object({ zone: z.string().default('UTC') }),
 *   run: ({ zone }) => new Date(0).toLocaleTimeString('en', { timeZone: zone }),
 * });
 * console.log(time.name); // time
 * ```
 */
export function defineTool<Input extends z.ZodObject>(tool: Tool<Input>): Tool {
  demandTool(tool, 'defineTool');
  return tool;
}

/** Refuses what is no tool. */
export function demandTool(tool: unknown, who: string): void {
  if (typeof tool !== 'object' || tool === null) {
    throw mcpErrors.invalid_options(`${who}: a tool is an object, as defineTool() gives; got ${kindOf(tool)}.`);
  }
  const { name, title, description, input, run, secrets } = tool as Partial<Tool>;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw mcpErrors.invalid_options(`${who}: the name of a tool is lower-case words joined by "_".`);
  }
  if (typeof title !== 'string' || typeof description !== 'string') {
    throw mcpErrors.invalid_options(`${who}: title and description of the tool "${name}" must be texts.`);
  }
  if (typeof input?.strict !== 'function') {
    throw mcpErrors.invalid_options(`${who}: input of the tool "${name}" must be a z.object().`);
  }
  if (typeof run !== 'function' || (secrets !== undefined && typeof secrets !== 'function')) {
    throw mcpErrors.invalid_options(`${who}: run and secrets of the tool "${name}" must be functions.`);
  }
}
