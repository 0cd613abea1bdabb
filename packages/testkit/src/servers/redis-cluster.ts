import { startLocal } from '../local-server.ts';
import { until } from '../probe.ts';
import { findProgram } from '../programs.ts';
import type { Recipe } from '../recipe.ts';
import type { RedisCluster, Server } from '../server.ts';
import { orClose, ServerGroup, startTogether } from '../server-group.ts';
import { redisNode } from './redis.ts';
import { infoField, redisCommand } from './redis-client.ts';

const PRIMARIES = 3;
const REPLICAS = 3;

/** A node of the cluster. A silent node counts as failed after 2 s, so that a failover takes a few seconds. */
export const redisClusterNode: Recipe = {
  ...redisNode('redis-cluster', 'Redis Cluster', [
    'cluster-enabled yes',
    'cluster-config-file nodes.conf',
    'cluster-node-timeout 2000',
    'repl-diskless-sync-delay 0', // 5 s by default
  ]),
  programs: () => [findProgram('redis-server'), findProgram('redis-cli')],
};

/** Starts 3 primaries with one replica each and joins them. */
export async function startRedisCluster(args: readonly string[] = []): Promise<RedisCluster> {
  const nodes = await startTogether(
    Array.from({ length: PRIMARIES + REPLICAS }, () => startLocal(redisClusterNode, args)),
  );
  const [first] = nodes as [(typeof nodes)[number]];
  await orClose(nodes, async () => {
    await first.run({
      file: findProgram('redis-cli') as string,
      args: [
        '--cluster',
        'create',
        ...nodes.map(({ host, port }) => `${host}:${port}`),
        '--cluster-replicas',
        String(REPLICAS / PRIMARIES),
        '--cluster-yes',
      ],
    });
    await isJoined(nodes);
  });
  return Object.assign(new ServerGroup('redis-cluster', nodes, first, () => isJoined(nodes)), {
    nodes,
    urls: nodes.map(({ url }) => url),
  });
}

/** Waits until each node sees a whole cluster, and each replica has its primary's data. */
async function isJoined(nodes: readonly Server[]): Promise<void> {
  await Promise.all(
    nodes.map(({ url }) =>
      until(`the Redis node ${url} has joined the cluster`, 60_000, async () => {
        const cluster = await redisCommand<string>(url, 'CLUSTER', 'INFO');
        const replication = await redisCommand<string>(url, 'INFO', 'replication');
        const joined = infoField(cluster, 'cluster_known_nodes') === String(nodes.length);
        const linked =
          infoField(replication, 'role') === 'master' || infoField(replication, 'master_link_status') === 'up';
        if (infoField(cluster, 'cluster_state') !== 'ok' || !joined || !linked)
          throw new Error(`${cluster}${replication}`);
      }),
    ),
  );
}
