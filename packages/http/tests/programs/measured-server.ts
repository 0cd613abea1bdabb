// A server in a process of its own, which tells how much it holds: `node --expose-gc measured-server.ts`, with IPC.
// Each message is answered by what there is, after a collection where it says "held".
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { requestContext, requestId, securityHeaders } from '@ent/middleware';
import { z } from 'zod';
import { createListener, createServer, eventStream, formBody, route, streamBody } from '../../src/index.ts';
import { multipartBody } from '../../src/multipart.ts';

/** What the process has. */
export interface Held {
  /** Bytes that somebody holds, on the heap and outside of it. */
  readonly heldBytes: number;
  readonly rssBytes: number;
  /** Open sockets, timers and the like, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  readonly connections: number;
  /** Read so far on the connections that are open. */
  readonly bytesRead: number;
}

const Note = z.object({ text: z.string() });
/** The routes that clients of it are typed by. */
export const routes = [
  route({
    method: 'GET',
    path: '/notes/:id',
    responses: { 200: Note },
    handler: ({ params }) => ({ text: params.id }),
  }),
  route({
    method: 'POST',
    path: '/notes',
    body: Note,
    maxBodyBytes: 2_000_000,
    responses: { 200: z.object({ size: z.int() }) },
    handler: ({ body }) => ({ size: body.text.length }),
  }),
  route({ method: 'POST', path: '/form', body: formBody(Note), responses: { 200: Note }, handler: ({ body }) => body }),
  route({
    method: 'POST',
    path: '/files',
    body: multipartBody(z.object({ file: z.file() })),
    responses: { 200: z.object({ size: z.int() }) },
    handler: ({ body }) => ({ size: body.file.size }),
  }),
  route({
    method: 'PUT',
    path: '/bytes',
    body: streamBody('application/octet-stream'),
    responses: { 200: { contentType: 'application/octet-stream' } },
    handler: async function* ({ body }: { body: AsyncIterable<Uint8Array> | undefined }) {
      yield* body ?? [];
    } as never,
  }),
  route({
    method: 'GET',
    path: '/events',
    responses: { 200: eventStream({ data: Note }) },
    async *handler({ exchange }) {
      for (let n = 0; !exchange.signal.aborted; n++) {
        yield { id: String(n), data: { text: 'x'.repeat(n % 100) } };
        await turn();
      }
    },
  }),
];

if (import.meta.main) {
  const sockets = new Set<Socket>();
  const middleware = [requestId(), requestContext(), securityHeaders()];
  const server = createServer(createListener(routes, { middleware }), {
    headersTimeout: '1h',
    requestTimeout: '2h',
    keepAliveTimeout: '2h',
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const { gc } = globalThis as unknown as { gc(): void };
  process.on('message', (message) => {
    if (message === 'held') {
      gc();
      gc();
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    const resources: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    const held: Held = {
      heldBytes: heapUsed + external,
      rssBytes: rss,
      resources,
      connections: sockets.size,
      bytesRead: [...sockets].reduce((sum, socket) => sum + socket.bytesRead, 0),
    };
    process.send?.(held);
  });
  process.once('disconnect', () => process.exit());
  server.listen(0, '127.0.0.1', 4096, () => process.send?.((server.address() as AddressInfo).port));
}
