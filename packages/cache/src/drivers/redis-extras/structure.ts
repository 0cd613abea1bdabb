import { cacheErrors } from '../../errors.ts';
import { MAX_BATCH } from '../../internal/backend/calls.ts';
import { expiryOf, ttlMs } from '../../internal/ttl.ts';
import type { Ttl } from '../../options.ts';
import type { Access, ByteCommands } from './access.ts';

/**
 * What all structures of Redis have: a key that may expire and be deleted as a
 * whole. Errors of all calls are those of the cache.
 */
export abstract class Structure {
  /** @internal */
  protected readonly access: Access;
  /** @internal */
  protected readonly key: string;
  readonly #kind: string;

  /** @internal */
  constructor(access: Access, kind: string, name: string) {
    this.access = access;
    this.key = access.key(kind, name);
    this.#kind = kind;
  }

  /** Deletes it with all that is in it; answers whether there was anything. */
  clear(): Promise<boolean> {
    return this.run('clear', async (redis) => (await redis.unlink(this.key)) === 1);
  }

  /**
   * Gives all of it together a TTL from now on, or none by null; answers whether it is there. An empty structure is
   * not: it is made by what is put in first, without a TTL.
   *
   * @throws `cache.invalid_ttl`
   */
  async expire(ttl: Ttl): Promise<boolean> {
    const ms = ttlMs(ttl);
    const forever = expiryOf(ms, Date.now()) === Number.POSITIVE_INFINITY;
    return this.run('expire', async (redis) => {
      if (!forever) return (await redis.pExpire(this.key, ms)) === 1;
      const [, count] = await Promise.all([redis.persist(this.key), redis.exists(this.key)]);
      return count === 1;
    });
  }

  /** Milliseconds until it expires, null for never, undefined when it is not there. */
  ttl(): Promise<number | null | undefined> {
    return this.run('ttl', async (redis) => {
      const left = await redis.pTTL(this.key);
      if (left === -2) return undefined;
      return left === -1 ? null : left;
    });
  }

  /** @internal Commands under the failure policy of the cache. */
  protected run<R>(operation: string, work: (redis: ByteCommands) => Promise<R>): Promise<R> {
    return this.access.run(`${this.#kind}.${operation}`, (_, bytes) => work(bytes), this.key);
  }

  /** @internal {@link run} for each few hundred of many, in turn. Nothing is sent for none. */
  protected async runMany<A, R>(
    operation: string,
    all: readonly A[],
    work: (redis: ByteCommands, some: A[]) => Promise<R>,
  ): Promise<R[]> {
    const answers: R[] = [];
    for (let from = 0; from < all.length; from += MAX_BATCH) {
      const some = all.slice(from, from + MAX_BATCH);
      answers.push(await this.run(operation, (redis) => work(redis, some)));
    }
    return answers;
  }

  /**
   * @internal Pages of a SCAN, which stays whole while others write: what is there all the time comes at least once.
   */
  protected async *scan<P extends { readonly cursor: string | Buffer }>(
    page: (redis: ByteCommands, cursor: string) => Promise<P>,
  ): AsyncIterableIterator<P> {
    let cursor = '0';
    do {
      const found = await this.run('scan', (redis) => page(redis, cursor));
      yield found;
      cursor = found.cursor.toString();
    } while (cursor !== '0');
  }
}

/** @internal One string or several, checked: what UTF-8 cannot keep apart would be the same to Redis. */
export function strings(given: string | Iterable<string>, what: string): string[] {
  const all = typeof given === 'string' ? [given] : [...given];
  for (const each of all) checkString(each, what);
  return all;
}

/** @internal */
export function checkString(given: string, what: string): string {
  if (typeof given === 'string' && given.isWellFormed()) return given;
  const problem =
    typeof given === 'string' ? 'it has a lone surrogate' : `got ${given === null ? 'null' : typeof given}`;
  throw cacheErrors.invalid_argument(`A ${what} must be a well-formed string; ${problem}.`);
}

/** @internal */
export function checkInteger(given: number, what: string): number {
  if (Number.isSafeInteger(given)) return given;
  throw cacheErrors.invalid_argument(`${what} must be a safe integer; got ${String(given)}.`);
}

/** @internal */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
