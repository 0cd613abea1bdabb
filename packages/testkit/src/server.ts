import type { FaultProxy } from './proxy.ts';

/** The servers that the testkit knows. */
export const SERVER_NAMES = [
  'postgres',
  'mariadb',
  'redis',
  'redis-cluster',
  'redis-sentinel',
  'memcached',
  'rabbitmq',
  'mongodb',
  'postgres-18',
  'pgbouncer',
  'postgres-standby',
  'mariadb-replica',
  'opensearch',
] as const;

/** Servers that prove more where they are there; `ENT_TEST_REQUIRE=all` does not demand them, only their names do. */
export const OPTIONAL_SERVERS: ReadonlySet<ServerName> = new Set([
  'postgres-18',
  'pgbouncer',
  'postgres-standby',
  'opensearch',
]);

/**
 * The name of a server, as used by `startServer`, `ENT_TEST_REQUIRE` and (in
 * capitals, `_` for `-`) `ENT_TEST_<NAME>_URL`.
 */
export type ServerName = (typeof SERVER_NAMES)[number];

/**
 * A running server.
 *
 * One that was started here can be stopped, killed, paused and started again, always on the same port and with its
 * data. One that was given by URL belongs to someone else: it is not {@link killable}, and those calls throw.
 */
export interface Server {
  readonly name: ServerName;
  /** How a client reaches it, such as `redis://127.0.0.1:12345`; with credentials where the server wants some. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Whether `stop`, `kill`, `start`, `restart`, `pause` and `resume` work: false for a server given by URL. */
  readonly killable: boolean;
  /** Ends it in the server's own orderly way. Nothing happens when it is down already. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL, as a crash would, and returns when all its processes are gone. */
  kill(): Promise<void>;
  /** Starts it again after `stop` or `kill`, and returns when it answers. Nothing happens when it runs. */
  start(): Promise<void>;
  /** `stop`, then `start`. */
  restart(): Promise<void>;
  /** Stops it with SIGSTOP: connections stay open and new ones are accepted by the kernel, but nothing is answered. */
  pause(): Promise<void>;
  /** Lets a paused server go on. */
  resume(): Promise<void>;
  /** Runs the server's own program for administrators to its end: `rabbitmqctl`. Throws for a server that has none. */
  control(...args: readonly string[]): Promise<void>;
  /** The last lines of the server's own log; empty for a server given by URL. */
  logTail(lines?: number): string;
  /** A proxy in front of this server that can delay, cut, refuse and swallow. It is closed with the server. */
  proxy(): Promise<FaultProxy>;
  /** Ends the server for good, with its proxies, and removes its folder. A server given by URL is left alone. */
  close(): Promise<void>;
}

/** A Redis Cluster of 3 primaries with one replica each. `url` is that of the first node. */
export interface RedisCluster extends Server {
  /** The URL of each node, for a client's list of seeds. */
  readonly urls: readonly string[];
  /** The six nodes, each with its own `kill`, `pause` and so on; empty for a cluster given by URL. */
  readonly nodes: readonly Server[];
}

/** A Redis primary with 2 replicas, watched by 3 sentinels. `url` is that of the first sentinel. */
export interface RedisSentinel extends Server {
  /** The URL of each sentinel. */
  readonly urls: readonly string[];
  /** The name that the sentinels know the primary by. */
  readonly primaryName: string;
  /** The primary and its replicas as they were at the start; a failover changes their roles. Empty if given by URL. */
  readonly nodes: readonly Server[];
  /** The sentinels; empty if given by URL. */
  readonly sentinels: readonly Server[];
  /** Asks the sentinels which node is the primary now. */
  primary(): Promise<Server>;
}

/** PgBouncer in transaction mode. `url` is that of the pooler. */
export interface PgBouncer extends Server {
  /** The PostgreSQL behind it. Throws for a pooler given by URL. */
  readonly direct: Server;
}

/** A primary and two standbys that follow it. `url` is that of the primary. */
export interface Replicated extends Server {
  /** The one that takes writes at the start. Throws for servers given by URL. */
  readonly primaryNode: Server;
  /** They take reads. Empty if given by URL. */
  readonly standbys: readonly Server[];
}

/** Which type of server a name gives. */
export interface Servers {
  postgres: Server;
  mariadb: Server;
  redis: Server;
  'redis-cluster': RedisCluster;
  'redis-sentinel': RedisSentinel;
  memcached: Server;
  rabbitmq: Server;
  mongodb: Server;
  'postgres-18': Server;
  pgbouncer: PgBouncer;
  'postgres-standby': Replicated;
  'mariadb-replica': Replicated;
  opensearch: Server;
}
