import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { type Cache, createCache } from '../src/cache.ts';
import { channels } from '../src/channels.ts';
import type { CacheDriver } from '../src/driver.ts';
import { memcached } from '../src/drivers/memcached/index.ts';
import { memory } from '../src/drivers/memory/index.ts';
import { redis } from '../src/drivers/redis/index.ts';
import type { CacheOptions } from '../src/options.ts';
import { Backend, bytesDriver } from './fixtures/bytes-driver.ts';

describe('createCache', () => {
  it('refuses wrong options', () => {
    const wrong: [Partial<CacheOptions>, string][] = [
      [{ driver: undefined as never }, 'cache.invalid_options'],
      [{ driver: {} as never }, 'cache.invalid_options'],

      [{ prefix: '' }, 'cache.invalid_options'],
      [{ prefix: 'a\ud800' }, 'cache.invalid_options'],
      [{ ttl: 0 }, 'cache.invalid_ttl'],
      [{ ttl: '' }, 'cache.invalid_ttl'],
      [{ onError: 'ignore' as never }, 'cache.invalid_options'],
      [{ breaker: { failures: 0 } }, 'cache.invalid_options'],
      [{ breaker: { cooldown: 0 } }, 'cache.invalid_ttl'],
    ];
    for (const [options, code] of wrong) {
      expect(() => createCache({ driver: memory(), ...options }), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code }),
      );
    }
  });

  it('refuses a TTL where the options belong, as other caches take it', async () => {
    const cache = createCache({ driver: memory() });
    for (const wrong of [5_000, '5m'] as never[]) {
      for (const work of [
        cache.set('k', 1, wrong),
        cache.setMany([['k', 1]], wrong),
        cache.increment('n', 1, wrong),
        cache.compareAndSet('k', 'version', 1, wrong),
        cache.getOrSet('k', () => 1, wrong),
        cache.getOrSetMany(['k'], () => new Map(), wrong),
      ]) {
        await expect(work).rejects.toMatchObject({ code: 'cache.invalid_argument' });
      }
    }
    expect(await cache.has('k')).toBe(false);
  });

  it('refuses options that it does not know, and says which was meant', async () => {
    const cache = createCache({ driver: memory() });
    const made = [
      () => createCache({ driver: memory(), timeuot: 1 } as never),
      () => createCache({ driver: memory(), breaker: { failure: 1 } as never }),
      () => memory({ maxEntrys: 1 } as never),
      () => memcached({ server: 'localhost:1' } as never),
      () => redis({ uri: 'redis://localhost:1' } as never),
      () => redis({ cluster: { rootNodes: [] }, url: 'redis://localhost:1' } as never),
    ];
    for (const make of made) expect(make).toThrow(expect.objectContaining({ code: 'cache.invalid_options' }));
    expect(made[0]).toThrow(/did you mean timeout\?/);
    for (const call of [
      cache.get('k', { shema: z.string() } as never),
      cache.getMany(['k'], { shema: z.string() } as never),
      cache.entry('k', { shema: z.string() } as never),
      cache.set('k', 1, { tll: 1 } as never),
      cache.setMany([['k', 1]], { when: 'absent' } as never),
      cache.compareAndSet('k', 'v', 1, { when: 'absent' } as never),
      cache.increment('k', 1, { intial: 1 } as never),
      cache.getOrSet('k', () => 1, { gracee: 1 } as never),
      cache.getOrSetMany(['k'], () => new Map(), { softTimeout: 1 } as never),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'cache.invalid_argument' });
    }
    expect(() => cache.keys({ perfix: 'a' } as never)).toThrow(
      expect.objectContaining({ code: 'cache.invalid_argument' }),
    );
  });

  it('takes an option that is undefined for one that is left out', async () => {
    const nothing = {
      prefix: undefined,
      ttl: undefined,
      serializer: undefined,
      timeout: undefined,
      breaker: undefined,
    };
    const more = { local: undefined, onError: undefined, clear: undefined, lease: undefined };
    const driver = memory({ maxEntries: undefined, maxBytes: undefined, values: undefined });
    const cache = createCache({ driver, ...nothing, ...more });
    await cache.set('k', 1, { ttl: undefined, tags: undefined, when: undefined });
    expect(await cache.getOrSet('k', () => 2, { ttl: undefined, grace: undefined, jitter: undefined })).toBe(1);
    expect((await cache.entry('k', { schema: undefined }))!.expiresAt).toBe(null);
  });

  it('refuses work after close, which is idempotent and ends the namespaces too', async () => {
    const cache = createCache({ driver: memory() });
    const users = cache.namespace('users');
    await users.set('k', 1);
    await Promise.all([cache.close(), cache.close()]);
    for (const work of [
      users.get('k'),
      cache.get('k'),
      cache.set('k', 1),
      cache.getOrSet('k', () => 1),
      cache.delete('k'),
      cache.ping(),
    ]) {
      await expect(work).rejects.toMatchObject({ code: 'cache.closed' });
    }
  });

  it('closes at the end of an `await using` block', async () => {
    let outside: ReturnType<typeof createCache>;
    {
      await using cache = createCache({ driver: memory() });
      outside = cache;
      await cache.set('k', 1);
    }
    await expect(outside.get('k')).rejects.toMatchObject({ code: 'cache.closed' });
  });

  it('gives access to the native client, typed', async () => {
    const cache = createCache({ driver: memory() });
    await cache.set('k', 1);
    expect(cache.driver.client.size).toBe(1);
  });

  it('writes readable keys to the backend, apart for each prefix, namespace and key', async () => {
    const driver = memory();
    const cache = createCache({ driver, prefix: 'app' });
    await cache.set('42', 1);
    await cache.namespace('users').set('42', 1);
    await cache.namespace('a:b').namespace('c/d').set('x:y', 1);
    expect([...driver.client.keys()].toSorted()).toEqual(['app/a%3ab/c%2fd:x:y', 'app/users:42', 'app:42']);
    const bare = memory();
    const root = createCache({ driver: bare });
    for (const key of ['42', 'a:b', '/users:42', '/']) await root.set(key, 1);
    await root.namespace('users').set('42', 1);
    expect([...bare.client.keys()].toSorted()).toEqual(['/:/', '/:/users:42', '/users:42', '42', 'a:b']);
  });
});

describe('arguments that the types would refuse, or cannot', () => {
  it.each<[string, (cache: Cache) => Promise<unknown>]>([
    ['one string for several keys of getMany', (cache) => cache.getMany('user')],
    ['one string for several keys of deleteMany', (cache) => cache.deleteMany('user')],
    ['one string for several keys of getOrSetMany', (cache) => cache.getOrSetMany('user', () => new Map())],
    ['nothing for several keys', (cache) => cache.getMany(undefined as never)],
    ['a string for tags', (cache) => cache.set('k', 1, { tags: 'news' as never })],
    ['an empty tag', (cache) => cache.set('k', 1, { tags: [''] })],
    ['a string for tags to invalidate', (cache) => cache.invalidateTags('news' as never)],
    ['an empty tag to invalidate', (cache) => cache.invalidateTags([''])],
    ['another condition', (cache) => cache.set('k', 1, { when: 'missing' as never })],
    ['no factory', (cache) => cache.getOrSet('none', undefined as never)],
    ['no factory for many', (cache) => cache.getOrSetMany(['none'], undefined as never)],
    ['no version', (cache) => cache.compareAndSet('none', undefined as never, 1)],
    ['eagerRefresh above 1', (cache) => cache.getOrSet('none', () => 1, { eagerRefresh: 5, ttl: '1m' })],
    ['eagerRefresh without a ttl', (cache) => cache.getOrSet('none', () => 1, { eagerRefresh: 0.5 })],
  ])('are cache.invalid_argument: %s', async (_, call) => {
    const cache = createCache({ driver: memory() });
    const letters = ['u', 's', 'e', 'r'];
    for (const key of letters) await cache.set(key, 1);
    await expect(call(cache)).rejects.toMatchObject({ code: 'cache.invalid_argument' });
    expect((await cache.getMany(letters)).size).toBe(4);
    expect(await cache.has('none')).toBe(false);
  });
});

describe('a load that another process has overtaken', () => {
  const loads: [string, (cache: Cache, value: string) => Promise<unknown>][] = [
    ['getOrSet', (cache, value) => cache.getOrSet('k', () => value)],
    ['getOrSetMany', async (cache, value) => (await cache.getOrSetMany(['k'], () => new Map([['k', value]]))).get('k')],
  ];

  it.each(loads)('is not joined while it stores its value, by %s', async (_, load) => {
    const backend = new Backend();
    const driver = bytesDriver(backend);
    const writing = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    let isHeld = false;
    const set: CacheDriver['set'] = async (writes, call) => {
      // With a version: the value in the place of the lease.
      if (typeof writes[0]!.when === 'object' && !isHeld) {
        isHeld = true;
        writing.resolve();
        await go.promise;
      }
      return driver.set(writes, call);
    };
    const one = createCache({ driver: { ...driver, set }, timeout: '1h' });
    const two = createCache({ driver: bytesDriver(backend) });
    const first = one.getOrSet('k', () => 'old');
    await writing.promise;
    await two.delete('k');
    expect(await load(one, 'new')).toBe('new');
    go.resolve();
    expect(await first).toBe('old');
    expect(await two.get('k')).toBe('new');
  });

  it.each(loads)('is not joined after its last look at what others have stored, by %s', async (_, load) => {
    const backend = new Backend();
    const one = createCache({ driver: bytesDriver(backend) });
    const driver = bytesDriver(backend);
    const waiting = Promise.withResolvers<void>();
    const looked = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const get: CacheDriver['get'] = async (keys, call, options) => {
      const found = await driver.get(keys, call, options);
      if (options?.versions) {
        waiting.resolve();
        if (Buffer.from(found[0]?.value as Uint8Array).includes('"old"')) {
          looked.resolve();
          await go.promise;
        }
      }
      return found;
    };
    const two = createCache({ driver: { ...driver, get }, timeout: '1h' });
    const old = Promise.withResolvers<string>();
    const first = one.getOrSet('k', () => old.promise);
    const second = two.getOrSet('k', () => 'new');
    await waiting.promise;
    old.resolve('old');
    expect(await first).toBe('old');
    await looked.promise;
    await one.delete('k');
    const third = load(two, 'new');
    // It has joined once it has found nothing; joining is nothing that shows.
    await new Promise((resolve) => setTimeout(resolve, 20));
    go.resolve();
    expect(await second).toBe('new');
    expect(await third).toBe('new');
  });
});

describe('a load', () => {
  it('of several keys whose factory gives no Map is refused, and leaves nothing behind', async () => {
    const cache = createCache({ driver: memory() });
    for (const wrong of [undefined, null, ['x'], { a: 1 }]) {
      await expect(cache.getOrSetMany(['a'], () => wrong as never)).rejects.toMatchObject({
        code: 'cache.invalid_argument',
      });
    }
    expect(await cache.getOrSetMany(['a'], () => new Map([['a', 1]]))).toEqual(new Map([['a', 1]]));
  });

  it('whose value cannot be stored gives up its lease', async () => {
    const cache = createCache({ driver: bytesDriver(), lease: '1h' });
    for (let round = 0; round < 3; round++) {
      expect(await cache.getOrSet('k', () => Symbol.iterator)).toBe(Symbol.iterator);
    }
    expect(await cache.getOrSet('k', () => 1)).toBe(1);
  });

  it('whose tag is invalidated meanwhile is followed by one, of all that wait for it', async () => {
    const backend = new Backend();
    const caches = Array.from({ length: 6 }, () => createCache({ driver: bytesDriver(backend) }));
    const [one] = caches as [Cache];
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    let runs = 0;
    const load = (cache: Cache): Promise<number> =>
      cache.getOrSet(
        'k',
        async () => {
          const run = ++runs;
          begun.resolve();
          if (run === 1) await end.promise;
          else await new Promise((resolve) => setTimeout(resolve, 50));
          return run;
        },
        { tags: ['t'] },
      );
    const first = load(one);
    await begun.promise;
    const others = caches.slice(1).map(load);
    await new Promise((resolve) => setTimeout(resolve, 50)); // they wait for the lease of the first
    await one.invalidateTags(['t']);
    end.resolve();
    expect(await first).toBe(1);
    expect(await Promise.all(others)).toEqual([2, 2, 2, 2, 2]);
    expect(await one.get('k')).toBe(2);
  });

  it('keeps its lease when the value that it refreshes expires', async () => {
    const backend = new Backend();
    const [one, two] = [createCache({ driver: bytesDriver(backend) }), createCache({ driver: bytesDriver(backend) })];
    const options = { ttl: 4_000, eagerRefresh: 0.001 };
    await one.getOrSet('k', () => 'old', options);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<string>();
    expect(
      await one.getOrSet(
        'k',
        () => {
          begun.resolve();
          return end.promise;
        },
        options,
      ),
    ).toBe('old');
    await begun.promise;
    while (await one.has('k')) await new Promise((resolve) => setTimeout(resolve, 10));
    const waiting = two.getOrSet('k', () => 'another');
    await new Promise((resolve) => setTimeout(resolve, 20));
    end.resolve('new');
    expect(await waiting).toBe('new');
  });

  it('of several keys has no stale value for a key that the factory leaves out, nor one from another call', async () => {
    const cache = createCache({ driver: memory() });
    await cache.getOrSetMany(['k'], () => new Map([['k', 'old']]), { ttl: 5, grace: '1m' });
    while (await cache.has('k')) await new Promise((resolve) => setTimeout(resolve, 5));
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const without = cache.getOrSetMany(
      ['k'],
      async () => {
        begun.resolve();
        await gate.promise;
        return new Map<string, string>();
      },
      { grace: '1m' },
    );
    await begun.promise;
    const withIt = cache.getOrSetMany(['k'], () => new Map([['k', 'new']]));
    await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    expect(await without).toEqual(new Map());
    expect(await withIt).toEqual(new Map([['k', 'new']]));
  });

  it('that fails is a stale value for those callers who said so, whoever began it', async () => {
    const cache = createCache({ driver: memory() });
    await cache.getOrSet('k', () => 'old', { ttl: 5, grace: '1m' });
    while (await cache.has('k')) await new Promise((resolve) => setTimeout(resolve, 5));
    const gate = Promise.withResolvers<never>();
    const callers = [{ grace: '1m' }, {}, { grace: '1m' }].map((options) =>
      cache.getOrSet('k', () => gate.promise, options),
    );
    await new Promise((resolve) => setImmediate(resolve));
    gate.reject(new Error('down'));
    expect(
      (await Promise.allSettled(callers)).map((one) => (one.status === 'fulfilled' ? one.value : 'failed')),
    ).toEqual(['old', 'failed', 'old']);
  });

  it('checks a stale value by the schema too', async () => {
    const cache = createCache({ driver: memory() });
    await cache.getOrSet('k', () => 'text', { ttl: 5, grace: '1m' });
    while (await cache.has('k')) await new Promise((resolve) => setTimeout(resolve, 5));
    const failing = (): never => {
      throw new Error('down');
    };
    const load = (schema: z.ZodType<unknown>): Promise<unknown> =>
      cache.getOrSet('k', failing, { grace: '1m', schema });
    expect(await load(z.string())).toBe('text');
    await expect(load(z.number())).rejects.toThrow('down');
  });

  it('may take longer than a timer of Node.js lasts', async () => {
    const cache = createCache({ driver: bytesDriver(), timeout: '30d', lease: '100d' });
    expect(await cache.getOrSet('k', async () => 1, { hardTimeout: '30d', softTimeout: '30d' })).toBe(1);
  });
});

describe('a backend of several servers', () => {
  const shardOf = (key: string): number => Number(key.at(-1));
  /** Ten servers by the last digit of a key; those in the list are gone. */
  const setUp = (options: Partial<CacheOptions> = {}) => {
    const driver = bytesDriver();
    const gone = new Set<number>();
    const calls: number[][] = [];
    const through = <K, R>(
      keysOf: (asked: readonly K[]) => readonly string[],
      work: (asked: readonly K[]) => Promise<R>,
    ) => {
      return async (asked: readonly K[]): Promise<R> => {
        const shards = [...new Set(keysOf(asked).map(shardOf))];
        calls.push([...shards, asked.length]);
        if (shards.some((shard) => gone.has(shard))) throw new Error('gone');
        return work(asked);
      };
    };
    const call = { deadlineAt: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
    const sharded: CacheDriver = {
      ...driver,
      shardOf,
      get: (keys, _, how) =>
        through(
          (asked: readonly string[]) => asked,
          (asked) => driver.get(asked, call, how),
        )(keys),
      set: through(
        (writes) => writes.map(({ key }) => key),
        (writes) => driver.set(writes, call),
      ),
      delete: through(
        (keys) => keys,
        (keys) => driver.delete(keys, call),
      ),
      classify: () => 'unavailable',
    };
    const cache = createCache({ driver: sharded, breaker: { failures: 2, cooldown: '1h' }, ...options });
    return { cache, gone, calls };
  };
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
  const onOthers = keys.filter((key) => shardOf(key) !== 3);

  it('has a circuit breaker for each', async () => {
    const { cache, gone } = setUp();
    gone.add(3);
    const codes: string[] = [];
    for (let i = 0; i < 3; i++) {
      await cache.get('k3').catch((error: unknown) => codes.push((error as { code: string }).code));
      expect(await cache.get('k4')).toBeUndefined();
      await cache.ping();
    }
    expect(codes).toEqual(['cache.unavailable', 'cache.unavailable', 'cache.circuit_open']);
  });

  it('writes and deletes on those that are there, and tells that one was not', async () => {
    const { cache, gone, calls } = setUp({ breaker: false });
    await cache.setMany(keys.map((key) => [key, 'old']));
    expect(calls.toSorted((a, b) => a[0]! - b[0]!)).toEqual(Array.from({ length: 10 }, (_, shard) => [shard, 4]));
    gone.add(3);
    await expect(cache.setMany(keys.map((key) => [key, 'new']))).rejects.toMatchObject({ code: 'cache.unavailable' });
    await expect(cache.deleteMany(['k2', 'k3'])).rejects.toMatchObject({ code: 'cache.unavailable' });
    await expect(cache.getMany(keys)).rejects.toMatchObject({ code: 'cache.unavailable' });
    gone.clear();
    const expected = keys.map((key) => [key, shardOf(key) === 3 ? 'old' : 'new'] as const);
    expect(await cache.getMany(keys)).toEqual(new Map(expected.filter(([key]) => key !== 'k2')));
  });

  it('answers, under onError: miss, what those have that are there', async () => {
    const { cache, gone } = setUp({ onError: 'miss' });
    await cache.setMany(keys.map((key) => [key, key]));
    gone.add(3);
    const told: unknown[] = [];
    const hear = (event: unknown): void => void told.push(event);
    channels.forgive.error.subscribe(hear);
    onTestFinished(() => {
      channels.forgive.error.unsubscribe(hear);
    });
    for (let i = 0; i < 4; i++) expect([...(await cache.getMany(keys)).keys()]).toEqual(onOthers);
    // Each of them succeeds, and says what it has passed over.
    const error = expect.objectContaining({ code: expect.stringMatching(/^cache\./) as string }) as unknown;
    expect(told).toEqual(Array.from({ length: 4 }, () => ({ driver: expect.any(String) as string, error })));
    const loaded = await cache.getOrSetMany(keys, (missing) => new Map(missing.map((key) => [key, 'loaded'])));
    expect(loaded).toEqual(new Map(keys.map((key) => [key, shardOf(key) === 3 ? 'loaded' : key])));
  });

  it('asks each for no more than a few hundred keys at a time, and answers in order', async () => {
    const { cache, calls } = setUp();
    const many = Array.from({ length: 12_000 }, (_, i) => `k${i}`);
    const entries = many.map((key) => [key, { key, text: 'x'.repeat(100) }] as const);
    await cache.setMany(entries);
    expect([...(await cache.getMany([...many, 'absent0']))]).toEqual(entries);
    expect((await cache.deleteMany(many)).size).toBe(12_000);
    expect(Math.max(...calls.map((call) => call.at(-1)!))).toBe(500);
  });
});

describe('the stored bytes', () => {
  const bytesCache = () => {
    const driver = bytesDriver();
    return { stored: driver.client.items, cache: createCache({ driver }) };
  };

  it('of something else, of a newer version, cut or changed, are a miss', async () => {
    const { stored, cache } = bytesCache();
    await cache.set('good', { a: 1 }, { ttl: '1h' });
    const good = stored.get('good')!;
    const bytes = good.value;
    const put = (value: Uint8Array) => stored.set('bad', { ...good, value });
    const newer = Uint8Array.from(bytes);
    newer[1]! |= 128;
    for (const bad of [
      newer,
      new Uint8Array(0),
      Buffer.from('hello'),
      Buffer.from('{"a":1}'),
      Buffer.from('007'),
      Buffer.from('1e3'),
    ]) {
      put(bad);
      expect(await cache.get('bad')).toBeUndefined();
      expect(await cache.getMany(['bad', 'good'])).toEqual(new Map([['good', { a: 1 }]]));
    }
    for (let length = 0; length < bytes.length; length++) {
      put(bytes.subarray(0, length));
      // A cut inside the value can only leave broken JSON, or nothing at all, which is how undefined is stored.
      expect(await cache.get('bad')).toBeUndefined();
    }
    expect(await cache.getOrSet('bad', () => 'loaded')).toBe('loaded');
    expect(await cache.get('bad')).toBe('loaded');
  });

  it('of several keys are told apart, also where some are no JSON', async () => {
    const { stored, cache } = bytesCache();
    const values = new Map<string, unknown>([
      ['object', { a: 1, nested: { '__proto__ ': [] } }],
      ['undefined', undefined],
      ['null', null],
      ['separator', ',\n'],
      ['emoji', '👩‍👩‍👧‍👦'],
      ['long', 'x'.repeat(10_000)],
      ['number', -1.5],
      ['array', [{ a: 1 }, [], 'b']],
    ]);
    await cache.setMany(values);
    await cache.increment('counter', 7);
    const expected = new Map([...values, ['counter', 7]]);
    const keys = [...expected.keys()];
    expect(await cache.getMany([...keys, 'absent'])).toEqual(expected);
    const { value: bytes, ...item } = stored.get('null')!;
    const head = Buffer.from(bytes).subarray(0, -'null'.length);
    for (const texts of [
      ['1,2'],
      ['1', ''],
      ['"a', 'b"'],
      ['[1', '2]'],
      ['{"a":1', '"b":2}'],
      ['{"a":[{}', '{}]}'],
      ['{},{}', '{"a":1'],
      ['', ''],
      ['👩', '\ud83d'],
      ['}', '{'],
      ['],['],
    ]) {
      texts.forEach((text, i) => stored.set(`bad${i}`, { ...item, value: Buffer.concat([head, Buffer.from(text)]) }));
      const alone = await Promise.all(texts.map((_, i) => cache.entry(`bad${i}`)));
      const found = await cache.getMany(['bad0', 'bad1', ...keys]);
      for (const [key, value] of expected) expect(found.get(key)).toEqual(value);
      texts.forEach((_, i) =>
        expect([found.has(`bad${i}`), found.get(`bad${i}`)]).toEqual([alone[i] !== undefined, alone[i]?.value]),
      );
      await cache.deleteMany(['bad0', 'bad1']);
    }
  });

  it('never change a value silently: what does not come back as it is, is refused with its place', async () => {
    const { cache } = bytesCache();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    class Money {}
    class Names extends Map<string, string> {}
    const lossy: [unknown, RegExp][] = [
      [{ a: { b: new Money() } }, /an instance of Money at #\/a\/b/],
      [[new Names()], /an instance of Names at #\/0/],
      [{ at: Object.assign(new Date(0), { zone: 'CET' }) }, /Date at #\/at/],
      [new Map([['k', new Money()]]), /Money at #\/k/],
      [new Set([() => 1]), /a function at #\/\(member\)/],
      [new Float32Array(1), /Float32Array at #/],
      [[undefined], /undefined at #\/0/],
      [() => 1, /function at #/],
      [{ toJSON: () => 1 }, /a function at #\/toJSON/],
      [{ [Symbol('s')]: 1 }, /symbol/],
      [{ 'a/b~': () => 1 }, /#\/a~1b~0/],
      [cycle, /a reference to an enclosing object at #\/self/],
    ];
    for (const [value, message] of lossy) {
      await expect(cache.set('k', value)).rejects.toMatchObject({
        code: 'cache.not_serializable',
        message: expect.stringMatching(message),
      });
    }
    const twice = { a: 1 };
    await cache.set('k', [twice, twice, { left: undefined }]);
    expect(await cache.get('k')).toEqual([{ a: 1 }, { a: 1 }, {}]);
  });

  it('go through the serializer of the cache, which is told the key', async () => {
    const keys: string[] = [];
    const cache = createCache({
      driver: memory({ values: 'serialized' }),
      prefix: 'app',
      serializer: {
        serialize: (value, key) => {
          keys.push(key);
          return Buffer.from(JSON.stringify({ wrapped: value }));
        },
        deserialize: (bytes, key) => {
          keys.push(key);
          return (JSON.parse(Buffer.from(bytes).toString()) as { wrapped: unknown }).wrapped;
        },
      },
    });
    await cache.set('k', 'v');
    expect(await cache.get('k')).toBe('v');
    expect(keys).toEqual(['app:k', 'app:k']);
  });
});

describe('the channels', () => {
  it('tell hits, misses, writes, deletions and loads, and no keys', async () => {
    const seen: string[] = [];
    const subscriptions = Object.entries(channels).map(([name, channel]) => {
      const asyncEnd = (event: object): void => void seen.push(`${name} ${JSON.stringify(event)}`);
      const subscriber = { start() {}, end() {}, asyncStart() {}, asyncEnd, error() {} };
      channel.subscribe(subscriber);
      return () => channel.unsubscribe(subscriber);
    });
    try {
      const cache = createCache({ driver: memory() });
      await cache.set('secret', 1);
      await cache.get('secret');
      await cache.getMany(['secret', 'none']);
      await cache.deleteMany(['secret', 'none']);
      await cache.getOrSet('secret', () => 2);
      await cache.getOrSet('failing', () => Promise.reject(new Error('x'))).catch(() => {});
    } finally {
      for (const unsubscribe of subscriptions) unsubscribe();
    }
    expect(seen).toEqual([
      'set {"driver":"memory","keys":1}',
      'get {"driver":"memory","keys":1,"hits":1,"stale":0,"local":0}',
      'get {"driver":"memory","keys":2,"hits":1,"stale":0,"local":0}',
      'delete {"driver":"memory","keys":2}',
      'get {"driver":"memory","keys":1,"hits":0,"stale":0,"local":0}',
      'load {"driver":"memory","outcome":"stored"}',
      'get {"driver":"memory","keys":1,"hits":0,"stale":0,"local":0}',
      'load {"driver":"memory","error":{}}',
    ]);
    expect(seen.join()).not.toContain('secret');
  });

  it('do not delay what is at hand: it is answered and told of at once', async () => {
    const cache = createCache({ driver: memory() });
    await cache.set('k', 1);
    const seen: string[] = [];
    const note =
      (name: string) =>
      (event: object): void =>
        void seen.push(`${name} ${JSON.stringify(event)}`);
    const subscriber = {
      start: note('start'),
      end: note('end'),
      asyncStart: note('asyncStart'),
      asyncEnd: note('asyncEnd'),
      error: note('error'),
    };
    const told = (): string[] => seen.splice(0).map((line) => line.replace(/ .*/, ''));
    const all = ['start', 'end', 'asyncStart', 'asyncEnd'];
    channels.get.subscribe(subscriber);
    channels.set.subscribe(subscriber);
    try {
      const order: string[] = [];
      const hit = cache.get('k').then(() => order.push('hit'));
      const next = Promise.resolve().then(() => order.push('next'));
      expect(seen.at(-1)).toBe('asyncEnd {"driver":"memory","keys":1,"hits":1,"stale":0,"local":0}');
      expect(told()).toEqual(all);
      await Promise.all([hit, next]);
      expect(order).toEqual(['hit', 'next']);
      const answers = [
        () => cache.getOrSet('k', () => 2),
        () => cache.get('none'),
        () => cache.has('k'),
        () => cache.getMany(['k', 'none']),
        () => cache.set('k', 3),
      ];
      for (const ask of answers) {
        const answer = ask();
        expect(told()).toEqual(all);
        await answer;
      }
      await cache.close();
      await expect(cache.get('k')).rejects.toMatchObject({ code: 'cache.closed' });
      expect(told()).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    } finally {
      channels.get.unsubscribe(subscriber);
      channels.set.unsubscribe(subscriber);
    }
  });
});
