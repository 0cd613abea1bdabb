import { Connection } from 'pg';
import type { PgClient } from './client.ts';

/** What pg's connection has and its types leave out. */
interface Wire {
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
  on(event: 'connect' | 'sslconnect' | 'end' | 'error', listener: () => void): void;
  readonly stream: { destroy(): unknown };
}

/**
 * Asks the server to stop what this client's session runs; resolves when the server has heard. By a CancelRequest of
 * the protocol and not by `pg_cancel_backend`: it needs no login and no free slot, carries the secret of the session,
 * so that it can never mean one that has got the same process id since, and goes through a pooler to the right server.
 * What the session runs by then is stopped, so nothing new is sent on one that is being cancelled.
 *
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export function cancel(client: PgClient, signal: AbortSignal): Promise<void> {
  const { host, port, processID, secretKey, ssl } = client;
  if (processID === null || secretKey === null || signal.aborted) return Promise.resolve();
  const wire = new Connection({ ssl: ssl as boolean }) as unknown as Wire;
  return new Promise((resolve) => {
    const ask = (): void => wire.cancel(processID, secretKey);
    wire.on('connect', () => {
      if (ssl) wire.requestSsl();
      else ask();
    });
    wire.on('sslconnect', ask);
    // A server that cannot be reached stops nothing; the connection is given up all the same.
    wire.on('error', () => {});
    const giveUp = (): unknown => wire.stream.destroy();
    signal.addEventListener('abort', giveUp, { once: true });
    wire.on('end', () => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    });
    if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`);
    else wire.connect(port, host);
  });
}
