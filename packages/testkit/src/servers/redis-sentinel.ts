import { startLocal } from '../local-server.ts';
import { until } from '../probe.ts';
import type { Recipe } from '../recipe.ts';
import type { RedisSentinel, Server } from '../server.ts';
import { orClose, ServerGroup, startTogether } from '../server-group.ts';
import { redisNode, serverProgram } from './redis.ts';
import { infoField, redisCommand } from './redis-client.ts';

const PRIMARY_NAME = 'mymaster';
const REPLICAS = 2;
const SENTINELS = 3;

/** A primary or replica; `primary` is missing for the one that starts as the primary. */
function dataNode(primary?: Server): Recipe {
  return redisNode('redis-sentinel', 'Redis Sentinel', [
    'repl-diskless-sync-delay 0', // 5 s by default
    ...(primary ? [`replicaof ${primary.host} ${primary.port}`] : []),
  ]);
}

/** Exported for the question whether it is installed. */
export const redisSentinelNode = dataNode();

/**
 * A sentinel. A silent primary counts as down after 2 s; two sentinels must
 * agree. It keeps what it learns in its own file.
 */
function sentinelOf(primary: Server): Recipe {
  return {
    ...redisSentinelNode,
    async prepare(site) {
      site.write(
        'sentinel.conf',
        [
          `bind ${site.host}`,
          `port ${site.port}`,
          `dir ${site.dir}`,
          `sentinel monitor ${PRIMARY_NAME} ${primary.host} ${primary.port} 2`,
          `sentinel down-after-milliseconds ${PRIMARY_NAME} 2000`,
          `sentinel failover-timeout ${PRIMARY_NAME} 6000`,
          '',
        ].join('\n'),
      );
    },
    command: () => ({ file: serverProgram() as string, args: ['sentinel.conf', '--sentinel'] }),
  };
}

/** Starts a primary, its replicas, and the sentinels that watch them. `args` go to the primary and the replicas. */
export async function startRedisSentinel(args: readonly string[] = []): Promise<RedisSentinel> {
  const first = await startLocal(dataNode(), args);
  const members = [first];
  const nodes = [first];
  const sentinels: typeof members = [];
  const ready = (): Promise<void> => knowEachOther(nodes, sentinels);
  await orClose(members, async () => {
    nodes.push(...(await startTogether(Array.from({ length: REPLICAS }, () => startLocal(dataNode(first), args)))));
    members.push(...nodes.slice(1));
    // Sentinels look for replicas every 10 s: they find them at the first look when the replicas are there before them.
    await haveData(nodes);
    sentinels.push(...(await startTogether(Array.from({ length: SENTINELS }, () => startLocal(sentinelOf(first))))));
    members.push(...sentinels);
    await ready();
  });
  const [sentinel] = sentinels as [(typeof sentinels)[number]];
  return Object.assign(new ServerGroup('redis-sentinel', members, sentinel, ready), {
    nodes,
    sentinels,
    urls: sentinels.map(({ url }) => url),
    primaryName: PRIMARY_NAME,
    primary: () => primaryAmong(nodes, sentinels),
  });
}

async function haveData(nodes: readonly Server[]): Promise<void> {
  await until('the Redis replicas have their data', 60_000, async () => {
    const infos = await Promise.all(nodes.map(({ url }) => redisCommand<string>(url, 'INFO', 'replication')));
    const linked = infos.filter((info) => infoField(info, 'master_link_status') === 'up');
    if (linked.length !== REPLICAS) throw new Error(infos.join(''));
  });
}

async function knowEachOther(nodes: readonly Server[], sentinels: readonly Server[]): Promise<void> {
  await haveData(nodes);
  await Promise.all(
    sentinels.map(({ url }) =>
      until(`the sentinel ${url} knows the others`, 60_000, async () => {
        const reply = await redisCommand<string[]>(url, 'SENTINEL', 'MASTER', PRIMARY_NAME);
        const field = (name: string): string | undefined => reply[reply.indexOf(name) + 1];
        const known =
          field('flags') === 'master' &&
          field('num-slaves') === String(REPLICAS) &&
          field('num-other-sentinels') === String(SENTINELS - 1);
        if (!known) throw new Error(reply.join(' '));
      }),
    ),
  );
}

/** Asks the sentinels in turn: one of them may be down. */
async function primaryAmong(nodes: readonly Server[], sentinels: readonly Server[]): Promise<Server> {
  const failures: unknown[] = [];
  for (const { url } of sentinels) {
    try {
      const [, port] = await redisCommand<[string, string]>(url, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', PRIMARY_NAME);
      const node = nodes.find((candidate) => String(candidate.port) === port);
      if (node) return node;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, 'No sentinel could tell the primary.');
}
