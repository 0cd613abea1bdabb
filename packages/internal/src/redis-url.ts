import type { ConnectionUrl } from './open.ts';

/** The schemes of Redis, and how many hosts their URLs have. */
export const REDIS_SCHEMES = {
  redis: 'one',
  rediss: 'one',
  'redis+cluster': 'several',
  'rediss+cluster': 'several',
  'redis+sentinel': 'several',
} as const;

type Credentials = { username?: string; password?: string };

/** What node-redis makes a client of: options of `createClient`, `createCluster` or `createSentinel`. */
export type RedisServers =
  | { readonly url: string }
  | {
      readonly cluster: {
        rootNodes: ({ url: string } & Credentials)[];
        defaults: Credentials & { socket?: { tls: true } };
      };
    }
  | {
      readonly sentinel: {
        name: string;
        sentinelRootNodes: { host: string; port: number }[];
        nodeClientOptions: Credentials;
      };
    };

/**
 * The servers that a URL of one of the {@link REDIS_SCHEMES} names.
 *
 * @param invalid makes the error for a URL of sentinels without the name of a primary
 */
export function redisServers(url: ConnectionUrl, invalid: (message: string) => Error): RedisServers {
  const { scheme, hosts, text } = url;
  const signIn = credentials(url);
  if (scheme.endsWith('+cluster')) {
    const tls = scheme.startsWith('rediss');
    return {
      cluster: {
        rootNodes: hosts.map((host) => ({ url: `redis${tls ? 's' : ''}://${host}`, ...signIn })),
        defaults: { ...signIn, ...(tls && { socket: { tls } }) },
      },
    };
  }
  if (!scheme.endsWith('+sentinel')) return { url: text.replace(/\?.*$/s, '') };
  const name = url.path.slice(1);
  if (name === '') throw invalid('redis+sentinel: URLs end in the name of the primary, such as /mymaster.');
  const sentinelRootNodes = hosts.map((host) => {
    const node = new URL(`redis://${host}`);
    return { host: node.hostname.replace(/^\[|\]$/g, ''), port: Number(node.port || 26379) };
  });
  return { sentinel: { name, sentinelRootNodes, nodeClientOptions: signIn } };
}

function credentials({ user, password }: ConnectionUrl): Credentials {
  return { ...(user !== undefined && { username: user }), ...(password !== undefined && { password }) };
}
