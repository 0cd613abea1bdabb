import { startLocal } from '../local-server.ts';
import type { Replicated } from '../server.ts';
import { orClose, ServerGroup, startTogether } from '../server-group.ts';
import { postgres, standbyOf } from './postgres.ts';

const STANDBYS = 2;
/** The checkpoint of one base backup may remove what another one has yet to copy. */
const KEEP_WAL = ['-c', 'wal_keep_size=128MB'];

/** Exported for the question whether it is installed. */
export const standbyNode = { ...standbyOf({ host: '127.0.0.1', port: 0 }), title: 'PostgreSQL with pg_basebackup' };

/** Starts a PostgreSQL and the standbys that follow it. `args` go to all of them. */
export async function startPostgresStandby(args: readonly string[] = []): Promise<Replicated> {
  const primary = await startLocal(postgres, [...KEEP_WAL, ...args]);
  const members = [primary];
  await orClose(members, async () => {
    const starts = Array.from({ length: STANDBYS }, () => startLocal(standbyOf(primary), args));
    members.push(...(await startTogether(starts)));
  });
  const group = new ServerGroup('postgres-standby', members, primary, async () => {});
  return Object.assign(group, { primaryNode: primary, standbys: members.slice(1) });
}
