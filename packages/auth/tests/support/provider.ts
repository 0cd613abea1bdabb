import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import Provider, { type ClientMetadata, type Configuration } from 'oidc-provider';
import { vi } from 'vitest';

/** A certified authorization server (the npm package oidc-provider) on this machine. */
export interface TestProvider {
  readonly issuer: string;
  readonly provider: Provider;
  /** The paths that were asked for, without their queries. */
  readonly asked: string[];
  /** What answers in place of the provider, by path. */
  readonly instead: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
  /** An ID token, or whatever else it would sign. */
  sign(claims: JWTPayload): Promise<string>;
  /** Stops listening; `start` listens at the same address again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startProvider(
  clients: ClientMetadata[],
  features: Configuration['features'] = {},
  more: Omit<Configuration, 'clients' | 'features' | 'jwks'> = {},
): Promise<TestProvider> {
  // It says that its defaults are for development, which this is.
  for (const name of ['info', 'warn'] as const) vi.spyOn(console, name).mockImplementation(() => {});
  const asked: string[] = [];
  const instead: TestProvider['instead'] = new Map();
  const answers: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];
  const server = createServer((request, response) => {
    const path = (request.url as string).replace(/\?.*$/, '');
    asked.push(path);
    (instead.get(path) ?? answers[0])?.(request, response);
  });
  let port = 0;
  const start = async (): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  await start();
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const provider = new Provider(issuer, {
    clients,
    features,
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'p1', alg: 'ES256', use: 'sig' }] },
    cookies: { keys: ['of a test'] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    ...more,
  });
  const callback = provider.callback();
  answers.push((request, response) => void callback(request, response));
  return {
    issuer,
    provider,
    asked,
    instead,
    sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'p1' }).sign(privateKey),
    start,
    async stop() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
