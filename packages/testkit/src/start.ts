import { givenUrls } from './environment.ts';
import { startLocal } from './local-server.ts';
import type { Recipe } from './recipe.ts';
import { RemoteServer } from './remote-server.ts';
import { SERVER_NAMES, type ServerName, type Servers } from './server.ts';
import { mariadb } from './servers/mariadb.ts';
import { mariadbReplicaNode, startMariadbReplica } from './servers/mariadb-replica.ts';
import { memcached } from './servers/memcached.ts';
import { mongodb } from './servers/mongodb.ts';
import { opensearch } from './servers/opensearch.ts';
import { pgbouncerNode, startPgBouncer } from './servers/pgbouncer.ts';
import { postgres, postgres18 } from './servers/postgres.ts';
import { standbyNode, startPostgresStandby } from './servers/postgres-standby.ts';
import { rabbitmq } from './servers/rabbitmq.ts';
import { redis } from './servers/redis.ts';
import { redisClusterNode, startRedisCluster } from './servers/redis-cluster.ts';
import { redisSentinelNode, startRedisSentinel } from './servers/redis-sentinel.ts';

/** How to start a server. */
export interface StartOptions {
  /**
   * More arguments for the server's command line, such as `['--maxmemory', '2mb']`. With them it is never taken by URL.
   */
  readonly args?: readonly string[];
}

/**
 * A server cannot be started because its program is not on this machine.
 * The message tells the command that installs it.
 */
export class NotInstalledError extends Error {
  override readonly name = 'NotInstalledError';
}

interface Kind<Name extends ServerName> {
  readonly recipe: Recipe;
  start(options: StartOptions): Promise<Servers[Name]>;
}

const single = (recipe: Recipe) => ({ recipe, start: ({ args }: StartOptions) => startLocal(recipe, args) });

const KINDS: { readonly [Name in ServerName]: Kind<Name> } = {
  postgres: single(postgres),
  mariadb: single(mariadb),
  redis: single(redis),
  'redis-cluster': { recipe: redisClusterNode, start: ({ args }) => startRedisCluster(args) },
  'redis-sentinel': { recipe: redisSentinelNode, start: ({ args }) => startRedisSentinel(args) },
  memcached: single(memcached),
  rabbitmq: single(rabbitmq),
  mongodb: single(mongodb),
  'postgres-18': single(postgres18),
  pgbouncer: { recipe: pgbouncerNode, start: ({ args }) => startPgBouncer(args) },
  'postgres-standby': { recipe: standbyNode, start: ({ args }) => startPostgresStandby(args) },
  'mariadb-replica': { recipe: mariadbReplicaNode, start: ({ args }) => startMariadbReplica(args) },
  opensearch: single(opensearch),
};

/**
 * Starts a server from this machine's binaries, in a folder and on a port of its own, and returns when it
 * answers; or takes the one that `ENT_TEST_<NAME>_URL` names. Close it when done; if the process dies
 * before, the server and its folder go with it.
 *
 * @throws {NotInstalledError} when the program is not installed
 *
 * @example
 * const server = await startServer('redis');
 * const client = await createClient({ url: server.url }).connect();
 * await server.kill();
 * await server.start();           // same port, same data
 * await server.close();
 */
export async function startServer<Name extends ServerName>(
  name: Name,
  options: StartOptions = {},
): Promise<Servers[Name]> {
  const urls = options.args ? undefined : givenUrls(name);
  if (urls) return new RemoteServer(name, urls).reach();
  const missing = whyMissing(name, options);
  if (missing !== undefined) throw new NotInstalledError(missing);
  return kindOf(name).start(options);
}

/** Why a server cannot be had here, with the command that installs it; undefined when it can. */
export function whyMissing(name: ServerName, options: StartOptions = {}): string | undefined {
  if (!options.args && givenUrls(name)) return undefined;
  const { recipe } = kindOf(name);
  if (recipe.programs().every((program) => program !== undefined)) return undefined;
  return `${recipe.title} is not installed; run scripts/install-services.sh ${recipe.installName}`;
}

function kindOf<Name extends ServerName>(name: Name): Kind<Name> {
  if (!Object.hasOwn(KINDS, name))
    throw new Error(`"${name}" is no server of the testkit; it has ${SERVER_NAMES.join(', ')}.`);
  return KINDS[name];
}
