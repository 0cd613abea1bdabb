import { EntError } from '@ent/errors';
import { Redactor, traced, withDeadline } from '@ent/internal';
import type { CallToolResult } from '@modelcontextprotocol/server';
import { channels } from '../channels.ts';
import { mcpErrors } from '../errors.ts';
import type { Tool } from '../tool.ts';
import { answerOf } from './answer.ts';

/** How many calls may run at once, those included that were given up and still hang. */
const AT_ONCE = 16;
const CUT =
  'Parts were left out for their size, where "more" stands: ask for less, by the arguments of the tool, to see the rest.';

/** Runs the tools of one server. */
export class ToolRunner {
  readonly #server: string;
  readonly #tools: readonly Tool[];
  readonly #timeoutMs: number;
  #running = 0;

  constructor(server: string, tools: readonly Tool[], timeoutMs: number) {
    this.#server = server;
    this.#tools = tools;
    this.#timeoutMs = timeoutMs;
  }

  /** Never rejects: what fails is an answer too. */
  async run(tool: Tool, args: Record<string, unknown>, signal: AbortSignal): Promise<CallToolResult> {
    let redactor = new Redactor();
    try {
      redactor = new Redactor(this.#secrets());
      const { text, isCut } = answerOf(await this.#answer(tool, args, signal), redactor);
      return { content: [text, ...(isCut ? [CUT] : [])].map((each) => ({ type: 'text', text: each })) };
    } catch (error) {
      return { isError: true, content: [{ type: 'text', text: redactor.text(meaningOf(tool, error)) }] };
    }
  }

  async #answer(tool: Tool, args: Record<string, unknown>, signal: AbortSignal): Promise<unknown> {
    if (this.#running >= AT_ONCE) {
      throw mcpErrors.busy(`${AT_ONCE} calls of tools are running, or hang: ask again when some of them have ended.`);
    }
    const event = { server: this.#server, tool: tool.name };
    const work = async (inner: AbortSignal): Promise<unknown> => {
      this.#running++;
      try {
        return await tool.run(args, { signal: inner });
      } finally {
        this.#running--;
      }
    };
    const late = (): Error => mcpErrors.timeout(`${tool.name} took longer than ${this.#timeoutMs} ms.`);
    return traced(channels.call, event, () => withDeadline(work, this.#timeoutMs, late, signal));
  }

  /** Of all tools: what one knows, another one may come across. Where one cannot tell its secrets, none answers. */
  #secrets(): string[] {
    return this.#tools.flatMap((tool) => [...(tool.secrets?.() ?? [])].filter((secret) => typeof secret === 'string'));
  }
}

/** What may be told of an error: the message of one that is meant to be seen, and of any other one its code. */
function meaningOf(tool: Tool, error: unknown): string {
  const { expose, message, title, code } = EntError.from(error);
  return expose ? `${message} (${code})` : `${tool.name} failed: ${title} (${code}).`;
}
