import { GrowingBytes } from '@ent/internal';

/** How a document is fetched. */
export interface FetchPlan {
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** The server answered, with another status than 200. */
export class UnexpectedStatus extends Error {
  readonly status: number;
  constructor(url: URL, status: number) {
    super(`${url.href} answered with status ${status}.`);
    this.status = status;
  }
}

/**
 * A JSON object from a URL. Redirects are not followed: whoever can make one would choose where keys come from. What is
 * longer than `maxBytes` is given up there, whatever length it claimed.
 */
export async function fetchJson(url: URL, { fetch, timeoutMs, maxBytes }: FetchPlan): Promise<object> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new UnexpectedStatus(url, response.status);
  }
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await readAll(url, response, maxBytes));
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error(`${url.href} holds no JSON object.`);
  return value;
}

/** The bytes of an answer; what is longer than `maxBytes` is given up there. */
export async function readAll(url: URL, response: Response, maxBytes: number): Promise<Uint8Array> {
  const body = new GrowingBytes();
  // Leaving the loop cancels the rest.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    if (body.size + chunk.byteLength > maxBytes) throw new Error(`${url.href} is longer than ${maxBytes} bytes.`);
    body.add(chunk);
  }
  return body.all();
}
