import { createPipeline, type Exchange, type Reply } from '@ent/middleware';

/** The smallest host: hands a handler a request that comes from nowhere, for tests that send thousands. */
export async function ask(
  handler: (exchange: Exchange) => Reply | Promise<Reply>,
  method: string,
  target: string,
  body?: unknown,
  others: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const [path = '', query = ''] = target.split('?', 2);
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers: Record<string, string> =
    bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(bytes.byteLength) };
  const exchange: Exchange = {
    method,
    rawUrl: target,
    path,
    query,
    peer: '192.0.2.1',
    signal: new AbortController().signal,
    state: new Map(),
    id: 'test',
    route: undefined,
    header: (name) => others[name] ?? headers[name],
    bytes: async () => bytes ?? new Uint8Array(),
    async *stream() {
      if (bytes !== undefined) yield bytes;
    },
    abort() {},
  };
  return (await createPipeline().open(exchange).handle(handler)) as Reply;
}
