import type { Reply } from '../exchange.ts';

/** Whether an answer is a reply, and neither nothing, nor a mistake, nor the `Response` of a fetch host. */
export function isReply(answer: unknown): answer is Reply {
  try {
    const { status, arrayBuffer } = (answer ?? {}) as { status?: unknown; arrayBuffer?: unknown };
    return typeof status === 'number' && arrayBuffer === undefined;
  } catch {
    // To look at it throws: a mistake.
    return false;
  }
}

/** Whether an answer is a `Response`. Not by its class: frameworks have their own. */
export function isResponse(answer: unknown): answer is Response {
  return typeof (answer as Response | null | undefined)?.arrayBuffer === 'function';
}
