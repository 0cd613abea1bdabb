import type { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** A key pair of an issuer. */
export interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: webcrypto.CryptoKey;
  /** As it is published: without `alg`, where the issuer leaves it out. */
  readonly jwk: JWK;
}

export async function makeKey(kid: string, alg = 'RS256', published: JWK = { alg, use: 'sig' }): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, ...published } };
}

/** A token with these claims and this header, `kid` and `alg` besides. */
export function signedBy(key: IssuerKey, claims: object, header: object = { typ: 'JWT' }): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** An issuer on this machine, with metadata and keys, which can be changed, held and stopped. */
export interface Issuer {
  readonly origin: string;
  readonly issuer: string;
  readonly jwksUri: string;
  keys: IssuerKey[];
  /** The paths that were asked for. */
  readonly asked: string[];
  /** What answers in place of the issuer, by path. */
  readonly instead: Map<string, Answer>;
  /** Stops listening; `start` listens at the same address again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export const metadataPath = (path: string): string => `${path.replace(/\/$/, '')}/.well-known/openid-configuration`;

export async function startIssuer(path: string, ...keys: IssuerKey[]): Promise<Issuer> {
  const jwksPath = '/keys/jwks.json';
  let port = 0;
  const answer: Answer = (request, response) => {
    const url = request.url as string;
    issuer.asked.push(url);
    const other = issuer.instead.get(url);
    if (other) return other(request, response);
    const json = (body: object): void =>
      void response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    if (url === metadataPath(path)) return json({ issuer: issuer.issuer, jwks_uri: issuer.jwksUri });
    if (url === jwksPath) return json({ keys: issuer.keys.map(({ jwk }) => jwk) });
    response.writeHead(404).end();
  };
  const server = createServer(answer);
  const issuer: Issuer & { origin: string; issuer: string; jwksUri: string } = {
    origin: '',
    issuer: '',
    jwksUri: '',
    keys,
    asked: [],
    instead: new Map(),
    async start() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as AddressInfo).port;
      issuer.origin = `http://127.0.0.1:${port}`;
      issuer.issuer = `${issuer.origin}${path}`;
      issuer.jwksUri = `${issuer.origin}${jwksPath}`;
    },
    async stop() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  await issuer.start();
  return issuer;
}
