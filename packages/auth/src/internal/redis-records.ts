import { refuseUnknown, Script } from '@ent/internal';
import { authErrors } from '../errors.ts';
import { demandMethods } from './demand.ts';

/** What the stores in Redis need of a client: that of node-redis, for one server, a cluster or sentinels. */
export interface RedisScripts {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** How records are kept in Redis. */
export interface RedisStoreOptions {
  /**
   * Keeps the records of several applications, or tenants, on one server apart: letters, digits, `_`, `.` and `-`, up
   * to 64. All keys lie under `<prefix>//`, which `clear` of a cache with the same prefix leaves alone. Default `auth`.
   */
  readonly prefix?: string | undefined;
}

/** A time, or a text. Each may be null; then the hash has no such field. */
type Kinds<R> = { readonly [F in keyof R & string]: Date extends R[F] ? 'date' : 'text' };

// Each script has one key, so that a cluster needs no hash tags. Reads are scripts too: so they go to the primary, and
// RESP2 and RESP3 answer alike.
const read = new Script(`return redis.call('HGETALL', KEYS[1])`);

/** ARGV: milliseconds to live, then fields and values. */
const insert = new Script(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`);

/** ARGV: fields and values. A record that is gone stays so. */
const set = new Script(`
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], unpack(ARGV)) end
return 1`);

/** Sets fields where the first of them is not there yet. Answers whether it did, and the record as it is then. */
const setOnce = new Script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, {}} end
local first = redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
if first == 1 and #ARGV > 2 then redis.call('HSET', KEYS[1], unpack(ARGV, 3)) end
return {first, redis.call('HGETALL', KEYS[1])}`);

/**
 * An index: ids by when their records go, by the server's clock. A minute of grace is for a record of another node of
 * the cluster, whose time began a little later. ARGV: an id, milliseconds that its record lives.
 */
const note = new Script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life = tonumber(ARGV[2]) + 60000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + life), ARGV[1])
if redis.call('PTTL', KEYS[1]) < life then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life)) end
return 1`);

const noted = new Script(`return redis.call('ZRANGE', KEYS[1], 0, -1)`);

const PREFIX = /^[\w.-]{1,64}$/;

/**
 * Records of one kind, a hash each, which the server removes when they expire; and indexes of their ids.
 *
 * How long a record lives is counted from when it was made, both by the clock of the application: the server's may
 * differ.
 */
export class RedisRecords<R extends { readonly id: string; readonly createdAt: Date; readonly expiresAt: Date }> {
  readonly #client: RedisScripts;
  readonly #head: string;
  readonly #kinds: Kinds<R>;

  constructor(client: RedisScripts, prefix: string, name: string, kinds: Kinds<R>) {
    this.#client = client;
    this.#head = `${prefix}//${name}`;
    this.#kinds = kinds;
  }

  /** Adds a record unless its id exists. */
  async insert(record: R): Promise<boolean> {
    return (await insert.run(this.#client, this.#key(record.id), [lifeOf(record), ...this.#fields(record)])) === 1;
  }

  async get(id: string): Promise<R | undefined> {
    return this.#record(await read.run(this.#client, this.#key(id), []));
  }

  /** Sets fields of a record, if it is there. */
  async set(id: string, change: Partial<R>): Promise<void> {
    await set.run(this.#client, this.#key(id), this.#fields(change));
  }

  /** Sets fields where the first of them is null. Of any number of calls at once exactly one is `first`. */
  async setOnce(id: string, change: Partial<R>): Promise<{ record: R; first: boolean } | undefined> {
    const reply = await setOnce.run(this.#client, this.#key(id), this.#fields(change));
    const [first, fields] = reply as [number, unknown];
    const record = this.#record(fields);
    return record && { record, first: first === 1 };
  }

  /** Puts the id of a record into an index. */
  async note(index: string, record: R): Promise<void> {
    await note.run(this.#client, this.#indexKey(index), [record.id, lifeOf(record)]);
  }

  /** The ids in an index; the records of some may be gone. */
  async noted(index: string): Promise<string[]> {
    return ((await noted.run(this.#client, this.#indexKey(index), [])) as unknown[]).map(String);
  }

  #key(id: string): string {
    return `${this.#head}:${id}`;
  }

  #indexKey(index: string): string {
    return `${this.#head}-index:${index}`;
  }

  #fields(record: Partial<R>): string[] {
    return Object.keys(this.#kinds).flatMap((field) => {
      const value = record[field as keyof R] as Date | string | null | undefined;
      if (value === undefined || value === null) return [];
      return [field, typeof value === 'string' ? value : String(value.getTime())];
    });
  }

  #record(reply: unknown): R | undefined {
    // A client of the application may give bytes for text.
    const flat = (reply as unknown[]).map(String);
    if (flat.length === 0) return undefined;
    const found = new Map<string, string>();
    for (let i = 0; i < flat.length; i += 2) found.set(flat[i] as string, flat[i + 1] as string);
    return Object.fromEntries(
      Object.entries(this.#kinds).map(([field, kind]) => {
        const value = found.get(field);
        return [field, value === undefined ? null : kind === 'date' ? new Date(Number(value)) : value];
      }),
    ) as unknown as R;
  }
}

/** @throws `auth.configuration` */
export function readRedisOptions(client: RedisScripts, options: RedisStoreOptions, of: string): { prefix: string } {
  refuseUnknown(options, { prefix: true }, of, authErrors.configuration);
  demandMethods(client, ['evalSha', 'eval'], `${of}: the client`);
  const { prefix = 'auth' } = options;
  if (typeof prefix === 'string' && PREFIX.test(prefix)) return { prefix };
  throw authErrors.configuration(`${of}: "prefix" must be 1 to 64 letters, digits, "_", "." or "-".`);
}

/** Milliseconds that a record lives, of which Redis wants at least one. */
function lifeOf({ createdAt, expiresAt }: { readonly createdAt: Date; readonly expiresAt: Date }): string {
  return String(Math.max(1, expiresAt.getTime() - createdAt.getTime()));
}
