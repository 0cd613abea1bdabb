/**
 * Redis, and servers that speak its protocol, by node-redis: one connection a call, on which only the commands of a
 * list are sent. All of those read.
 */
import { CENSOR, isSecret, redisCode, refuseUnknown } from '@ent/internal';
import { createClient } from 'redis';
import { z } from 'zod';
import { mcpErrors } from '../errors.ts';
import { serverUrl } from '../internal/url.ts';
import { defineTool, type Tool } from '../tool.ts';

/** Options of {@link redisTools}. */
export interface RedisToolsOptions {
  /** `redis://user:password@host:6379/0`, or `rediss:` for TLS: one server. */
  readonly url: string;
}

/** All that is ever sent, beside the login and the choice of the database. */
const COMMANDS: ReadonlySet<string> = new Set([
  'DBSIZE',
  'GETRANGE',
  'HLEN',
  'HSCAN',
  'INFO',
  'LLEN',
  'LRANGE',
  'MEMORY USAGE',
  'OBJECT ENCODING',
  'PTTL',
  'SCAN',
  'SCARD',
  'SSCAN',
  'STRLEN',
  'TYPE',
  'XINFO GROUPS',
  'XLEN',
  'XREVRANGE',
  'ZCARD',
  'ZRANGE',
]);

/** Sends one command, named by one word or two. */
type Send = (command: string, ...args: (string | number)[]) => Promise<unknown>;

const CONNECT_MS = 5_000;
/** Of a text: what is longer is not read. */
const MOST_BYTES = 16_384;
/** How often a walk through the keys is continued in one call, where it finds few that fit. */
const MOST_STEPS = 500;
/** Where a page ends: an answer that is too long would be cut, and its keys not come again. */
const PAGE_CHARS = 16_384;
const SECTIONS = ['server', 'clients', 'memory', 'persistence', 'stats', 'replication', 'cpu', 'keyspace'] as const;

/**
 * The tools `redis_info`, `redis_keys` and `redis_key`.
 *
 * @throws `mcp.invalid_options` for a URL that is none, or of a cluster
 * @example
 * ```ts
 * import { createMcp } from '@ent/mcp';
 * import { redisTools } from '@ent/mcp/redis';
 *
 * const tools = redisTools({ url: 'redis://127.0.0.1:6379' });
 * console.log(createMcp({ name: 'redis', version: '1.0.0', tools }).tools.length); // 3
 * ```
 */
export function redisTools(options: RedisToolsOptions): Tool[] {
  refuseUnknown(options, { url: true }, 'redisTools', mcpErrors.invalid_options);
  const { url } = options;
  const { password } = serverUrl('redisTools: url', url, ['redis', 'rediss'], []);
  const secrets = (): string[] => (password === undefined ? [] : [password]);

  const info = defineTool({
    name: 'redis_info',
    title: 'Redis',
    description:
      'What Redis says of itself: version, clients, memory, persistence, statistics, replication, keys by database.',
    input: z.object({
      section: z.enum(SECTIONS).optional().describe('One section alone. Default: all of them.'),
    }),
    secrets,
    run: ({ section }, { signal }) =>
      connected(url, signal, async (send) => sectionsOf(String(await send('INFO', section ?? 'default')))),
  });
  const keys = defineTool({
    name: 'redis_keys',
    title: 'Keys',
    description:
      'Keys that fit a pattern, in no order. A cursor other than "0" in the answer goes on from there. The walk does not hold up Redis.',
    input: z.object({
      pattern: z.string().min(1).max(500).default('*').describe('As user:* or *:cache:*'),
      type: z.enum(['string', 'hash', 'list', 'set', 'zset', 'stream']).optional(),
      limit: z.int().min(1).max(500).default(100).describe('How many, about.'),
      cursor: z
        .string()
        .regex(/^\d{1,20}$/, 'must be the cursor of an answer')
        .default('0'),
    }),
    secrets,
    run: ({ pattern, type, limit, cursor }, { signal }) =>
      connected(url, signal, async (send) => {
        const found: string[] = [];
        let at = cursor;
        let chars = 0;
        for (let step = 0; step < MOST_STEPS && found.length < limit && chars < PAGE_CHARS; step++) {
          const only = type === undefined ? [] : ['TYPE', type];
          const [next, some] = (await send('SCAN', at, 'MATCH', pattern, 'COUNT', 100, ...only)) as [string, string[]];
          found.push(...some);
          for (const name of some) chars += name.length;
          at = next;
          if (at === '0') break;
        }
        return { size: await send('DBSIZE'), cursor: at, keys: found };
      }),
  });
  const key = defineTool({
    name: 'redis_key',
    title: 'A key',
    description:
      'One key: type, time to live, memory, and its value or the first of its members; of a stream the last entries and its groups. Values ' +
      'under a name of a secret are not shown.',
    input: z.object({
      key: z.string().min(1).max(1024),
      limit: z.int().min(1).max(500).default(50).describe('Of members, about.'),
    }),
    secrets,
    run: ({ key: name, limit }, { signal }) =>
      connected(url, signal, async (send) => {
        const type = String(await send('TYPE', name));
        if (type === 'none') throw mcpErrors.not_found(`Redis has no key "${name.slice(0, 200)}".`);
        const about = {
          type,
          ttlMs: await send('PTTL', name),
          bytes: await send('MEMORY USAGE', name),
          encoding: await send('OBJECT ENCODING', name),
        };
        const read = READERS[type];
        if (read === undefined) return { ...about, value: 'values of this type are not read' };
        const { value, ...rest } = await read(send, name, limit);
        // As in "token:4711", whose name says what is in it.
        const isHidden = name.split(/[:./|]/).some((part) => isSecret(part, ''));
        return { ...about, ...rest, value: isHidden ? CENSOR : value };
      }),
  });
  return [info, keys, key];
}

interface Reading {
  readonly value: unknown;
}
type Reader = (send: Send, key: string, limit: number) => Promise<Reading & Readonly<Record<string, unknown>>>;

const READERS: Readonly<Record<string, Reader>> = {
  string: async (send, key) => ({
    length: await send('STRLEN', key),
    value: await send('GETRANGE', key, 0, MOST_BYTES - 1),
  }),
  hash: async (send, key, limit) => {
    const [, flat] = (await send('HSCAN', key, 0, 'COUNT', limit)) as [string, string[]];
    return { length: await send('HLEN', key), value: Object.fromEntries(pairsOf(flat).slice(0, limit)) };
  },
  list: async (send, key, limit) => ({
    length: await send('LLEN', key),
    value: await send('LRANGE', key, 0, limit - 1),
  }),
  set: async (send, key, limit) => {
    const [, members] = (await send('SSCAN', key, 0, 'COUNT', limit)) as [string, string[]];
    return { length: await send('SCARD', key), value: members.slice(0, limit) };
  },
  zset: async (send, key, limit) => {
    const flat = (await send('ZRANGE', key, 0, limit - 1, 'WITHSCORES')) as string[];
    return { length: await send('ZCARD', key), value: pairsOf(flat).map(([member, score]) => ({ member, score })) };
  },
  stream: async (send, key, limit) => {
    const entries = (await send('XREVRANGE', key, '+', '-', 'COUNT', limit)) as [string, string[]][];
    const groups = (await send('XINFO GROUPS', key)) as string[][];
    return {
      length: await send('XLEN', key),
      groups: groups.map((group) => Object.fromEntries(pairsOf(group))),
      value: entries.map(([id, fields]) => ({ id, fields: Object.fromEntries(pairsOf(fields)) })),
    };
  },
};

/** Runs commands on a connection of their own, which is gone afterwards. */
async function connected<T>(url: string, signal: AbortSignal, work: (send: Send) => Promise<T>): Promise<T> {
  const client = createClient({
    url,
    RESP: 2,
    // The commands of its greeting are none of ours: a login for reading alone may lack them.
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: false },
  });
  client.on('error', () => {}); // the call that it concerns rejects; without a listener the process would end
  const send: Send = (command, ...args) => {
    if (!COMMANDS.has(command)) throw mcpErrors.refused(`${command} is none of the commands that only read.`);
    return client.sendCommand([...command.split(' '), ...args.map(String)]);
  };
  const leave = (): void => {
    if (client.isOpen) client.destroy();
  };
  signal.addEventListener('abort', leave, { once: true });
  try {
    await client.connect();
    return await work(send);
  } catch (error) {
    signal.throwIfAborted();
    throw meaningOf(error);
  } finally {
    signal.removeEventListener('abort', leave);
    leave();
  }
}

/** What a client may know of an error: the server's word for it, which holds no value. */
function meaningOf(error: unknown): unknown {
  if ((error as { code?: unknown } | null)?.code === mcpErrors.not_found.code) return error;
  const word = redisCode(error);
  if (word === 'NOPERM' || word === 'NOAUTH' || word === 'WRONGPASS') {
    return mcpErrors.refused(`Redis does not let this user in, or not do that (${word}).`, { cause: error });
  }
  if (word !== undefined) return mcpErrors.unavailable(`Redis refused a command (${word}).`, { cause: error });
  const { code } = error as { code?: unknown };
  const why = typeof code === 'string' ? code : 'the connection was lost';
  return mcpErrors.unavailable(`Redis cannot be reached (${why}).`, { cause: error });
}

function pairsOf(flat: readonly unknown[]): [string, unknown][] {
  return Array.from({ length: Math.floor(flat.length / 2) }, (_, i) => [String(flat[2 * i]), flat[2 * i + 1]]);
}

/** `# Server`, then lines `name:value`. */
function sectionsOf(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let current: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) {
      current = {};
      sections[line.slice(1).trim()] = current;
      continue;
    }
    const colon = line.indexOf(':');
    if (colon > 0) current[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return sections;
}
