import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createAccessTokens, createKeyRing, generateKey } from '@ent/auth';
import { createLogger } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { freePorts } from '@ent/testkit';
import { createApp } from '../src/app.ts';
import { config } from '../src/config.ts';
import type { RouteTable } from '../src/routes.ts';

/** A service behind the gateway, in this process. */
export interface Upstream extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
}

/** Starts a service that answers by a listener. */
export async function upstream(listener: RequestListener): Promise<Upstream> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: urlOf(server),
    server,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => {});
    },
  };
}

export function urlOf(server: { address(): unknown }): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A gateway with an issuer of its own. */
export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** A token of the issuer. */
  token(subject?: string): Promise<string>;
  /** What was logged. */
  lines(): readonly string[];
}

/** Starts the gateway on a table. */
export async function gateway(table: RouteTable, env: Record<string, string> = {}): Promise<Gateway> {
  const keys = createKeyRing({ active: (await generateKey()).key });
  const tokens = createAccessTokens({ issuer: 'user-service', audience: 'user-service', keys });
  const issuer = await upstream((_, res) => res.end(JSON.stringify(keys.jwks())));
  const driver = memoryDriver();
  const settings = config.load({
    env: { PORT: '0', DRAIN_TIME: '10ms', TOKEN_KEYS_URL: `${issuer.url}/jwks.json`, ...env },
    dir: false,
  });
  const app = await createApp(settings, createLogger({ driver }), table);
  await app.start();
  const lines = (): string[] => driver.records.map(({ message }) => message);
  const url = /http:\S+/.exec(lines().find((line) => line.startsWith('listening')) ?? '')?.[0] ?? '';
  return {
    url,
    lines,
    async token(subject = 'ada') {
      return (await tokens.issue({ subject, sessionId: 'login-1', roles: ['member'] })).token;
    },
    async [Symbol.asyncDispose]() {
      await app.stop();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

/** A table with one service, at `/`. */
export function everythingTo(...targets: string[]): RouteTable {
  return { services: { one: { targets } }, routes: [{ prefix: '/', service: 'one', auth: 'everyone' }] };
}

/** Sends bytes as they are and gives all that comes back until the connection ends, or `until` is in it. */
export async function raw(url: string, text: string | Buffer, until?: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (until !== undefined && answer.includes(until)) resolve();
    });
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
    socket.write(text);
  });
  socket.destroy();
  return answer;
}

/** A port that nobody listens on. */
export async function nobody(): Promise<string> {
  const [port] = await freePorts(1);
  return `http://127.0.0.1:${port}`;
}
