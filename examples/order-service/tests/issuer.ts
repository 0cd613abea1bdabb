import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAccessTokens, createKeyRing, generateKey } from '@ent/auth';

/** Stands for user-service, where its tokens are all that is needed of it. */
export async function startIssuer() {
  const keys = createKeyRing({ active: (await generateKey()).key });
  const tokens = createAccessTokens({ issuer: 'user-service', audience: 'user-service', keys, ttl: '1d' });
  const server = createServer((_, response) => response.end(JSON.stringify(keys.jwks()))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    keysUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    tokenOf: async (subject: string, role: 'user' | 'admin'): Promise<string> =>
      (await tokens.issue({ subject, sessionId: subject, roles: [role] })).token,
    close(): void {
      server.close();
      server.closeAllConnections();
    },
  };
}
