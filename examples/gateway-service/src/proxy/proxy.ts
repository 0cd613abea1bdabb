import { createHash } from 'node:crypto';
import type { Principal } from '@ent/auth';
import type { Answer, Handler, Reply } from '@ent/middleware';
import type { NodeExchange } from '@ent/middleware/node';
import { gatewayErrors } from '../errors.ts';
import type { Identities } from '../identity.ts';
import { createMatcher, type RouteDefinition, type RouteTable } from '../routes.ts';
import { ClientSink } from './client-sink.ts';
import { forward, type Limits } from './forward.ts';
import type { ResponseCache } from './response-cache.ts';
import { Service } from './service.ts';

/** What a proxy is made of. */
export interface ProxyParts {
  readonly table: RouteTable;
  /** Says who calls by the access token, or throws. */
  readonly authenticate: (exchange: NodeExchange) => Principal | Promise<Principal>;
  readonly identities: Identities;
  readonly cache: ResponseCache;
}

/** Where a call goes. */
export interface Destination {
  readonly route: RouteDefinition;
  readonly service: Service;
  /** Who calls, signed for the service. */
  readonly identity: string | undefined;
}

/** The way of calls through the gateway. */
export interface Proxy {
  /** The route of a path; none where the gateway itself may have an answer. */
  routeOf(path: string): RouteDefinition | undefined;
  /** Sends a call on, and its answer back. */
  readonly handle: Handler<NodeExchange>;
  /** Finds where a call goes, and whether its client may. For upgrades, which have no answer. */
  admit(exchange: NodeExchange): Promise<Destination>;
  readonly services: ReadonlyMap<string, Service>;
  close(): Promise<void>;
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

export function createProxy({ table, authenticate, identities, cache }: ProxyParts): Proxy {
  const match = createMatcher(table);
  const services = new Map(Object.entries(table.services).map(([name, each]) => [name, new Service(name, each)]));

  const admit = async (exchange: NodeExchange): Promise<Destination> => {
    const route = match(exchange.path);
    if (route === undefined) throw gatewayErrors.no_route(`No route is for ${exchange.path}.`);
    exchange.route = route.prefix;
    const principal = route.auth === 'token' ? await authenticate(exchange) : undefined;
    const name = serviceFor(route, exchange, principal);
    const identity = principal && (await identities.of(principal, name));
    return { route, service: services.get(name) as Service, identity };
  };

  const handle = async (exchange: NodeExchange): Promise<Answer> => {
    const { route, service, identity } = await admit(exchange);
    const limits: Limits = {
      timeoutMs: route.timeoutMs ?? 10_000,
      maxBodyBytes: route.maxBodyBytes ?? 1024 * 1024,
      retries: route.retries ?? 1,
    };
    if (route.cache === true && exchange.method === 'GET') return cached(exchange, service, limits, identity);
    if (route.cache === true && !SAFE.has(exchange.method)) exchange.res.once('finish', () => forgetIfDone(exchange));
    await forward(exchange, service, limits, identity, (unwanted) => new ClientSink(exchange.res, unwanted));
    return undefined;
  };

  const forgetIfDone = (exchange: NodeExchange): void => {
    if (exchange.res.statusCode < 400) cache.forget(exchange);
  };

  const cached = async (
    exchange: NodeExchange,
    service: Service,
    limits: Limits,
    identity: string | undefined,
  ): Promise<Reply | undefined> => {
    const { reply, revalidation } = await cache.find(exchange);
    if (reply !== undefined) return reply;
    let confirmed: Promise<Reply | undefined> | undefined;
    await forward(
      exchange,
      service,
      limits,
      identity,
      (unwanted) =>
        cache.keeping(exchange, new ClientSink(exchange.res, unwanted), (headers) => {
          if (revalidation === undefined) return false;
          confirmed = cache.confirmed(exchange, headers);
          return true;
        }),
      revalidation,
    );
    return confirmed;
  };

  return {
    routeOf: match,
    handle,
    admit,
    services,
    async close() {
      await Promise.all([...services.values()].map((service) => service.close()));
    },
  };
}

/** Those who ask for the canary get it; of the rest a share does, and each client always the same. */
function serviceFor({ service, canary }: RouteDefinition, exchange: NodeExchange, principal?: Principal): string {
  if (canary === undefined) return service;
  if (canary.header !== undefined && exchange.header(canary.header) !== undefined) return canary.service;
  const share =
    createHash('sha256')
      .update(principal?.subject ?? exchange.peer)
      .digest()
      .readUInt32BE(0) /
    2 ** 32;
  return share < (canary.weight ?? 0) ? canary.service : service;
}
