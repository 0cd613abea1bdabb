// docs/cache-wire-format.md, run: its Python reads what the cache wrote, and the cache reads what its Python wrote.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSerializer, v8 } from '@ent/serialization';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCache } from '../../src/cache.ts';
import type { CacheDriver } from '../../src/driver.ts';
import { memcached } from '../../src/drivers/memcached/index.ts';
import { Rendezvous, wireKey } from '../../src/drivers/memcached/keys.ts';
import { redis } from '../../src/drivers/redis/index.ts';
import { plainJson } from '../../src/internal/records/plain-json.ts';

const PACKAGES = ['redis==8.1.0', 'pymemcache==4.0.0'];
const PAGE = join(import.meta.dirname, '../../../../docs/cache-wire-format.md');
const run = promisify(execFile);

const isThere = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;
const without = isThere ? '' : ' (skipped: needs python3 with pip)';

/** What each client is for the code of the page: `read(key)` and `write(key, value, ttl)` by the backend's keys. */
const CLIENTS = {
  redis: `
import redis
client = redis.Redis(host=host, port=port)
read = client.get
def write(key, value, ttl): client.set(key, value, px=ttl)
`,
  memcached: `
import pymemcache
client = pymemcache.Client((host, port))
def read(key): return client.get(ent.memcached_key(key))
def write(key, value, ttl, flags=ent.FLAGS):
    client.set(ent.memcached_key(key), value, expire=ent.memcached_expire(ttl), noreply=False, flags=flags)
`,
};

describe.skipIf(!isThere && process.env.ENT_TEST_REQUIRE !== 'all')(`Python${without}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'ent-python-'));

  beforeAll(async () => {
    const [code] = readFileSync(PAGE, 'utf8').match(/(?<=```python\n)import base64[^`]*(?=```)/) ?? [];
    writeFileSync(join(folder, 'ent_cache.py'), code!);
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, ...PACKAGES]);
  }, 400_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('finds the server of a key of Memcached', async () => {
    const servers = ['cache-1:11211', 'cache-2:11211', '10.0.0.7:11211'];
    const keys = Array.from({ length: 260 }, (_, i) => `shop/${i % 3 === 0 ? 'ü ' : ''}${i}:${'k'.repeat(i)}`);
    const code = `
import json, sys, ent_cache as ent
keys, servers = json.loads(sys.argv[1])
wire = [ent.memcached_key(key) for key in keys]
print(json.dumps([wire, [ent.server_of(key, servers) for key in wire]]))`;
    const env = { ...process.env, PYTHONPATH: folder };
    const { stdout } = await run('python3', ['-c', code, JSON.stringify([keys, servers])], { env });
    const wire = keys.map(wireKey);
    const ours = new Rendezvous(servers);
    expect(JSON.parse(stdout)).toEqual([wire, wire.map((key) => servers[ours.pick(key)])]);
  });

  for (const name of ['redis', 'memcached'] as const) {
    describeWithServer(name, (server) => {
      const driver = (): CacheDriver =>
        name === 'redis' ? redis({ url: server.url }) : memcached({ servers: `${server.host}:${server.port}` });

      /** Runs statements, and answers what they have put into `out`. */
      async function python(code: string, ...names: string[]): Promise<Record<string, unknown>> {
        const head = `
import json, sys, ent_cache as ent
host, port, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
${CLIENTS[name]}
def get(key):
    value = ent.get(read, key, *names)
    return "MISS" if value is ent.MISS else value
out = {}
`;
        const args = ['-c', `${head}${code}\nprint(json.dumps(out, default=repr))`, server.host, String(server.port)];
        const { stdout } = await run('python3', [...args, ...names], { env: { ...process.env, PYTHONPATH: folder } });
        return JSON.parse(stdout) as Record<string, unknown>;
      }

      it('reads what the cache wrote', async () => {
        const prefix = uniqueName('a shop/%:');
        const cache = createCache({ driver: driver(), timeout: '1m', prefix, clear: 'generation' });
        const users = cache.namespace('eu:users');
        const long = 'é '.repeat(200);
        await users.set('plain', { name: 'Ada', tags: [1, null, true] }, { ttl: '1h', tags: ['staff'] });
        const rich = { at: new Date(0), n: 10n ** 20n, bytes: new Uint8Array([0, 255]), odd: { $date: 1 } };
        await users.set(long, rich, { ttl: '40d' });
        await users.set('short', 1, { ttl: 1 });
        await users.set('undefined', undefined);
        await users.getOrSet('grace', () => 'old', { ttl: 1, grace: '1h' });
        await users.increment('count', -12);
        const read = `
for key in ["plain", ${JSON.stringify(long)}, "short", "undefined", "grace", "count", "none"]: out[key] = get(key)`;
        await expect.poll(() => users.has('short')).toBe(false);
        await expect.poll(() => users.has('grace')).toBe(false);
        expect(await python(read, prefix, 'eu:users')).toEqual({
          plain: { name: 'Ada', tags: [1, null, true] },
          [long]: {
            at: 'datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)',
            n: 100000000000000000000,
            bytes: "b'\\x00\\xff'",
            odd: { $date: 1 },
          },
          short: 'MISS',
          undefined: null,
          grace: 'MISS',
          count: -12,
          none: 'MISS',
        });
        await users.invalidateTags(['staff']);
        expect(await python('out["v"] = get("plain")', prefix, 'eu:users')).toEqual({ v: 'MISS' });
        await cache.clear();
        expect(await python('out["v"] = get("undefined")', prefix, 'eu:users')).toEqual({ v: 'MISS' });
        await cache.close();
      });

      it('writes what the cache reads', async () => {
        const prefix = uniqueName('shop');
        const cache = createCache({ driver: driver(), timeout: '1m', prefix });
        const users = cache.namespace('users');
        const loading = Promise.withResolvers<string>();
        const late = users.getOrSet('late', () => loading.promise);
        await python(
          `
for key, ttl in [("42", 3600000), ("soon", 1), ("late", 60000), ("k " * 150, 60000)]:
    write(ent.key_of(key, *names), ent.encode({"name": "Ada é", "of": key}, ttl), ttl)`,
          prefix,
          'users',
        );
        expect(await users.get('42')).toEqual({ name: 'Ada é', of: '42' });
        expect(await users.get('k '.repeat(150))).toMatchObject({ name: 'Ada é' });
        await expect.poll(() => users.has('soon')).toBe(false);
        const left = (await users.ttl('42'))!;
        expect(left > 3_400_000 && left <= 3_600_000, String(left)).toBe(true);
        loading.resolve('from before');
        expect(await late).toBe('from before');
        expect(await users.get('late'), 'a load from before').toMatchObject({ of: 'late' });
        const entry = (await users.entry('42'))!;
        expect(await users.compareAndSet('42', entry.version!, 'ours')).toBe(true);
        expect(await python('out["v"] = get("42")', prefix, 'users')).toEqual({ v: 'ours' });
        await cache.close();
      });

      it('shares plain entries by JSON alone', async () => {
        const prefix = uniqueName('plain');
        const cache = createCache({ driver: driver(), timeout: '1m', prefix, serializer: plainJson, ttl: '1h' });
        await cache.set('ours', { name: 'Ada é', list: [1.5, null] });
        await cache.getOrSet('loaded', () => 'text');
        const code = `
for key in ["ours", "loaded"]: out[key] = json.loads(read(ent.key_of(key, *names)))
write(ent.key_of("theirs", *names), json.dumps({"id": 2 ** 60, "n": None}), 60000)
write(ent.key_of("broken", *names), "{", 60000)`;
        expect(await python(code, prefix)).toEqual({ ours: { name: 'Ada é', list: [1.5, null] }, loaded: 'text' });
        expect(await cache.get('theirs')).toEqual({ id: 2 ** 60, n: null });
        expect(await cache.get('broken')).toBeUndefined();
        expect(await cache.touch('theirs', '2h')).toBe(true);
        const touched = await python('out["v"] = read(ent.key_of("theirs", *names)).decode()', prefix);
        expect(touched.v, 'a number that JavaScript would round').toBe('{"id": 1152921504606846976, "n": null}');
        expect(await cache.set('theirs', 1, { when: 'absent' })).toBe(false);
        expect(await cache.set('broken', 1, { when: 'absent' })).toBe(true);
        expect(await cache.getAndDelete('theirs')).toMatchObject({ n: null });
        expect(await cache.has('theirs')).toBe(false);
        const entry = (await cache.entry('ours'))!;
        expect(await cache.compareAndSet('ours', entry.version!, 'next')).toBe(true);
        expect(await cache.compareAndSet('ours', entry.version!, 'late')).toBe(false);
        if (name === 'redis') {
          expect(await cache.increment('count', 5, { ttl: '1m' })).toBe(5);
          expect(await python('out["v"] = client.incrby(ent.key_of("count", *names), 2)', prefix)).toEqual({ v: 7 });
          expect(await cache.get('count')).toBe(7);
          expect((await cache.ttl('count'))!).toBeLessThanOrEqual(60_000);
          expect((await cache.ttl('ours'))!).toBeGreaterThan(3_000_000);
          await cache.set('text', 'x');
          await expect(cache.increment('text')).rejects.toMatchObject({ code: 'cache.not_a_counter' });
        } else {
          await expect(cache.increment('count')).rejects.toMatchObject({ code: 'cache.unsupported' });
          await expect(cache.ttl('ours')).rejects.toMatchObject({ code: 'cache.unsupported' });
        }
        await cache.close();
      });

      it('refuses what plain entries have no place for', async () => {
        const cache = createCache({
          driver: driver(),
          timeout: '1m',
          prefix: uniqueName('plain'),
          serializer: plainJson,
        });
        const refused: (() => Promise<unknown>)[] = [
          () => cache.set('k', 1, { tags: ['t'] }),
          () => cache.setMany([['k', 1]], { tags: ['t'] }),
          () => cache.invalidateTags(['t']),
          () => cache.getOrSet('k', () => 1, { tags: ['t'] }),
          () => cache.getOrSet('k', () => 1, { grace: '1h' }),
          () => cache.getOrSet('k', () => 1, { eagerRefresh: 0.5, ttl: '1h' }),
        ];
        for (const call of refused) await expect(call()).rejects.toMatchObject({ code: 'cache.unsupported' });
        for (const value of [undefined, new Date(0), 1n, { a: Number.NaN }]) {
          await expect(cache.set('k', value)).rejects.toMatchObject({ code: 'cache.not_serializable' });
        }
        expect(await cache.has('k')).toBe(false);
        await cache.close();
        const wrong = () => createCache({ driver: driver(), serializer: plainJson, clear: 'generation' });
        expect(wrong).toThrow(expect.objectContaining({ code: 'cache.unsupported' }));
        const packed = { ...createSerializer({ codec: v8 }), plain: true };
        const binary = createCache({
          driver: driver(),
          timeout: '1m',
          prefix: uniqueName('packed'),
          serializer: packed,
        });
        await binary.set('k', { a: [49] });
        expect(await binary.get('k')).toEqual({ a: [49] });
        await expect(binary.increment('n')).rejects.toMatchObject({ code: 'cache.unsupported' });
        await binary.close();
      });
    });
  }
});
