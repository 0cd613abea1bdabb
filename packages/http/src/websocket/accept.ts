import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { durationOption, refuseUnknown } from '@ent/internal';
import { createNodeListener, type NodeExchange, type NodeHostOptions } from '@ent/middleware/node';
import { httpErrors } from '../errors.ts';
import { Connections } from '../internal/connections.ts';
import { demandList } from '../internal/demand.ts';
import { compileEndpoint, type Endpoint } from '../internal/endpoint.ts';
import { buildRouter } from '../internal/router.ts';
import type { Duration } from '../options.ts';
import { reply, type RouteReply } from '../responses.ts';
import { HandOver } from './hand-over.ts';
import { originCheck, webSocket, type WebSocketRoute } from './route.ts';
import { asRequest, UpgradeResponse } from './upgrade-response.ts';

/** How {@link acceptWebSockets} accepts. */
export interface AcceptWebSocketsOptions extends NodeHostOptions {
  /** As of `createHandler()`: every route must say `auth`. Default: `false`. */
  readonly denyByDefault?: boolean | undefined;
  /**
   * How often each socket is asked for a sign of life; one that gives none until the next time is cut.
   * Default: `"30s"`.
   */
  readonly heartbeat?: Duration | undefined;
}

const OPTIONS = { middleware: true, trustProxies: true, denyByDefault: true, heartbeat: true } as const;

interface Upgrade {
  readonly socket: Socket;
  readonly head: Buffer;
}

/**
 * Lets a server accept WebSockets on some routes. `middleware`, `auth`, `guards` and schemas run before the upgrade, as
 * for any request (the list may be the one that the listener has), and what they refuse is a problem of HTTP. Then the
 * socket is handed to `ws`, which speaks the protocol: no compression, messages up to the `maxMessageBytes` of their
 * route.
 *
 * `drain()` closes sockets with 1001 after its `grace`, so that clients connect again, to another instance. A request
 * with `Upgrade` that is for no route of these, or for another protocol, is answered by the listener of the server.
 *
 * @param server from `createServer()`, or made `drainable()`
 * @throws `http.invalid_options`, `http.invalid_route`, `http.duplicate_route`, `http.undeclared_auth`
 * @example
 * ```ts no-run
 * import { createListener, createServer } from '@ent/http';
 * import { acceptWebSockets, webSocket } from '@ent/http/websocket';
 * import { requestId } from '@ent/middleware';
 *
 * const middleware = [requestId()];
 * const server = createServer(createListener([], { middleware }));
 * const echo = webSocket({
 *   path: '/echo',
 *   handler: ({ socket }) => void socket.on('message', (data) => socket.send(data)),
 * });
 * acceptWebSockets(server, [echo], { middleware });
 * server.listen(8000);
 * ```
 */
export function acceptWebSockets(
  server: Server,
  routes: readonly WebSocketRoute[],
  options: AcceptWebSocketsOptions = {},
): void {
  refuseUnknown(options, OPTIONS, 'acceptWebSockets', httpErrors.invalid_options);
  demandList(routes, 'acceptWebSockets: the routes');
  const { denyByDefault, middleware, trustProxies } = options;
  const heartbeatMs = durationOption(
    options.heartbeat ?? '30s',
    'acceptWebSockets: heartbeat',
    httpErrors.invalid_options,
  );
  const connections = Connections.find(server);
  if (connections === undefined || server.listenerCount('upgrade') > 0) {
    throw httpErrors.invalid_options(
      'acceptWebSockets: the server must come from createServer() or drainable(), and nobody else may listen for "upgrade".',
    );
  }
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  const router = buildRouter(routes.map((route) => endpointOf(route, { upgrades, heartbeatMs, denyByDefault })));
  const listener = createNodeListener(
    async (exchange) => {
      const match = router.find('GET', exchange.path);
      if (match === undefined) throw httpErrors.route_not_found('There is no WebSocket at this path.');
      exchange.route = match.store.route.path;
      const answer = await match.store.answer(exchange, match.params);
      // It is the library's now.
      return answer.status === SWITCHED ? undefined : answer;
    },
    { middleware, trustProxies },
  );

  const isOurs = (req: IncomingMessage): boolean => req.method === 'GET' && isWebSocket(req) && matches(router, req);
  // Where node asks (22.21 and 24.9), what is not ours is a request like any other.
  (server as { shouldUpgradeCallback?: (req: IncomingMessage) => boolean }).shouldUpgradeCallback = isOurs;
  server.on('upgrade', (req, duplex, head) => {
    const socket = duplex as Socket;
    const begin = (): void => {
      if (socket.destroyed) return;
      const res = new UpgradeResponse(req, socket);
      upgrades.set(req, { socket, head });
      if (isOurs(req)) listener(req, res);
      else asRequest(server, req, res);
    };
    socket.on('error', ignore);
    // What came before it in a pipeline is answered first.
    const { newest } = connections.unanswered(socket);
    if (newest === undefined) begin();
    else newest.once('close', begin);
  });
}

/** Stands for the answer that the library has written. */
const SWITCHED = 101;

function ignore(): void {}

function isWebSocket(req: IncomingMessage): boolean {
  return req.headers.upgrade?.trim().toLowerCase() === 'websocket';
}

function matches(router: ReturnType<typeof buildRouter>, req: IncomingMessage): boolean {
  const [path = ''] = (req.url ?? '').split('?', 1);
  try {
    return router.find('GET', path) !== undefined;
  } catch {
    // Its encoding is broken: whoever answers it says so.
    return false;
  }
}

interface Accepting {
  readonly upgrades: WeakMap<IncomingMessage, Upgrade>;
  readonly heartbeatMs: number;
  readonly denyByDefault: boolean | undefined;
}

/** A route of which all but the end is that of any other. */
function endpointOf(given: WebSocketRoute, { upgrades, heartbeatMs, denyByDefault }: Accepting): Endpoint {
  const route = webSocket(given as Parameters<typeof webSocket>[0]);
  const { path, params, query, headers, cookies, auth, guards = [], origins, handler } = route;
  if (denyByDefault === true && auth === undefined) {
    throw httpErrors.undeclared_auth(`Say who may connect to ${path}: set "auth" to an authenticator, or to false.`);
  }
  const handOver = new HandOver(route, heartbeatMs);
  const fromHere = originCheck(origins);
  return compileEndpoint(
    {
      method: 'GET',
      path,
      params,
      query,
      headers,
      cookies,
      auth,
      guards: [(_principal: unknown, { exchange }) => fromHere(exchange), ...(guards as [])],
      responses: { [SWITCHED]: {} },
      handler(input: { exchange: NodeExchange }): RouteReply<number, undefined> {
        const { exchange } = input;
        const upgrade = upgrades.get(exchange.req) as Upgrade;
        const socket = handOver.accept(exchange, upgrade.socket, upgrade.head);
        if (socket !== undefined) handOver.run(exchange, socket, () => handler({ ...input, socket } as never));
        return reply(SWITCHED);
      },
    },
    { maxBodyBytes: 0, maxBodyDepth: 0 },
  );
}
