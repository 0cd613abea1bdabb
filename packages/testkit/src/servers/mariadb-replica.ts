import { startLocal } from '../local-server.ts';
import type { Recipe } from '../recipe.ts';
import type { Replicated, Server } from '../server.ts';
import { orClose, ServerGroup, startTogether } from '../server-group.ts';
import { mariadb } from './mariadb.ts';

const REPLICAS = 2;

/** Exported for the question whether it is installed. */
export const mariadbReplicaNode = replicaOf({ host: '127.0.0.1', port: 0 });

/** Starts a MariaDB and the replicas that follow it. `args` go to all of them. */
export async function startMariadbReplica(args: readonly string[] = []): Promise<Replicated> {
  const primary = await startLocal(logged(mariadb), args);
  const members = [primary];
  await orClose(members, async () => {
    const starts = Array.from({ length: REPLICAS }, () => startLocal(replicaOf(primary), args));
    members.push(...(await startTogether(starts)));
  });
  const group = new ServerGroup('mariadb-replica', members, primary, async () => {});
  return Object.assign(group, { primaryNode: primary, standbys: members.slice(1) });
}

/** With a binary log, of all that was written since it was installed. */
function logged(recipe: Recipe): Recipe {
  return {
    ...recipe,
    command(site) {
      const { file, args } = recipe.command(site);
      return { file, args: [...args, '--log-bin=binlog', `--server-id=${site.port}`] };
    },
  };
}

/** It follows from its beginning, and again after each start, whatever was done to it. */
function replicaOf(primary: Pick<Server, 'host' | 'port'>): Recipe {
  const recipe = logged(mariadb);
  return {
    ...recipe,
    command(site) {
      const { file, args } = recipe.command(site);
      const from = `master_host = '${primary.host}', master_port = ${primary.port}, master_user = 'root'`;
      const follow = site.write(
        'follow.sql',
        `change master to ${from}, master_use_gtid = slave_pos, master_connect_retry = 1;\nstart slave;\n`,
      );
      const how = ['--read-only', '--log-slave-updates', '--skip-slave-start', '--slave-net-timeout=4'];
      return { file, args: [...args, ...how, `--init-file=${follow}`] };
    },
  };
}
