import { pause } from '@ent/internal';
import type { MysqlConnection } from './client.ts';
import { isAt } from './server.ts';
import type { Session } from './session.ts';

/**
 * Ends a session in an unknown state: what it runs is stopped on the server, by KILL QUERY from another connection,
 * which is all that the protocol has. Resolves when the session is gone, by the signal at the latest.
 *
 * Not by KILL CONNECTION, which shuts the socket before the statement has ended: nobody would know when its locks are
 * free.
 *
 * @param open makes another connection to the same address
 */
export async function endSession(
  session: Session,
  open: (signal: AbortSignal) => Promise<MysqlConnection>,
  signal: AbortSignal,
): Promise<void> {
  const idle = new AbortController();
  session.giveUp(() => idle.abort());
  const { connection, gone } = session;
  signal.addEventListener('abort', () => connection.stream.destroy(), { once: true });
  if (session.isRunning && !session.isGone) await stop(session, open, AbortSignal.any([signal, idle.signal]));
  if (signal.aborted) connection.stream.destroy();
  else if (!session.isGone) connection.end(() => {});
  await gone;
}

/** Until the server has answered: a request that comes before it has begun stops nothing, so it is repeated. */
async function stop(
  session: Session,
  open: (signal: AbortSignal) => Promise<MysqlConnection>,
  signal: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  void session.gone.then(() => gone.abort());
  const over = AbortSignal.any([signal, gone.signal]);
  let killer: MysqlConnection | undefined;
  try {
    killer = await open(over);
    // Behind a name or a proxy may stand several servers, where the number is that of somebody else.
    if (!(await isAt(killer, session.server))) throw new Error('another server');
    for (let tries = 1; session.isRunning && !over.aborted; tries += 1) {
      await kill(killer, session.server.id);
      await pause(Math.min(tries * 10, 250), over);
    }
  } catch {
    // A server that cannot be reached stops nothing; the connection is given up all the same.
    session.connection.stream.destroy();
  } finally {
    if (over.aborted) killer?.stream.destroy();
    else killer?.end(() => {});
  }
}

function kill(killer: MysqlConnection, id: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // 1094: there is no such connection any more.
    killer.query(`kill query ${id}`, (error) => {
      if (error instanceof Error && (error as { errno?: unknown }).errno !== 1094) reject(error);
      else resolve();
    });
  });
}
