// Redis: 100 callers at once read an object of 200 bytes; and 100 keys in one call. All in one process: which processor
// it shares with the server makes more of a difference than anything else, and must be the same for all.
import { startServer } from '@ent/testkit';
import KeyvRedis from '@keyv/redis';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { createCache as createCacheManager } from 'cache-manager';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';
import { createClient } from 'redis';
import { createStorage, type Driver } from 'unstorage';
import unstorageRedis from 'unstorage/drivers/redis';
import { bench } from '../../../scripts/bench.ts';
import { memory } from '../src/drivers/memory/index.ts';
import { redis } from '../src/drivers/redis/index.ts';
import { createCache } from '../src/index.ts';

const CALLERS = 100;
const object = {
  id: 42,
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  roles: ['admin'],
  active: true,
  about: 'x'.repeat(100),
};
const keys = Array.from({ length: CALLERS }, (_, i) => `user${i}`);
const ttl = 3_600_000;

// One server for all: a process of its own, for what needs no server to be asked, inherits the address.
const server = process.env['BENCH_REDIS_URL'] === undefined ? await startServer('redis') : undefined;
const url = (process.env['BENCH_REDIS_URL'] ??= server!.url);
const { hostname, port } = new URL(url);
const raw = createClient({ url });
await raw.connect();
const ours = createCache({ driver: redis({ url }), prefix: 'ours', ttl });
const generations = createCache({ driver: redis({ url }), prefix: 'gen', ttl, clear: 'generation' });
const tiered = createCache({ driver: redis({ url }), local: memory(), prefix: 'ours', ttl });
const lru = new LRUCache<string, object>({ max: 10_000 });
const ioredis = new Redis(url);
const bento = new BentoCache({
  default: 'redis',
  stores: { redis: bentostore().useL2Layer(redisDriver({ connection: ioredis })) },
  ttl,
  prefix: 'bento',
});
const bentoTiered = new BentoCache({
  default: 'tiered',
  stores: {
    tiered: bentostore()
      .useL1Layer(memoryDriver({ maxItems: 10_000 }))
      .useL2Layer(redisDriver({ connection: ioredis }))
      .useBus(redisBusDriver({ connection: { host: hostname, port: Number(port) } })),
  },
  ttl,
  prefix: 'bento',
});
// cache-manager has a Keyv 5 of its own, and takes any object of that shape.
const manager = createCacheManager({ stores: [new Keyv({ store: new KeyvRedis(url) as never }) as never], ttl });
const storage = createStorage({
  driver: (unstorageRedis as unknown as (options: object) => Driver)({ url, base: 'unstorage' }),
});

for (const key of keys) {
  await raw.set(`raw:${key}`, JSON.stringify(object), { expiration: { type: 'PX', value: ttl } });
  await ours.set(key, object);
  await generations.set(key, object);
  await bento.set({ key, value: object });
  await manager.set(key, object);
  await storage.setItem(key, object);
}
const all = (get: (key: string) => Promise<unknown>) => async () => {
  const values = await Promise.all(keys.map(get));
  if ((values[99] as { id?: number } | undefined)?.id !== 42) throw new Error('a miss');
};

// Each side builds its keys. bentocache 1 has no such call.
await bench('redis: getMany of 100', {
  raw: async () => (await raw.mGet(keys.map((key) => `raw:${key}`))).map((text) => JSON.parse(text!) as unknown),
  subjects: {
    '@ent': async () => {
      if ((await ours.getMany(keys)).size !== CALLERS) throw new Error('a miss');
    },
    'cache-manager': () => manager.mget(keys),
    unstorage: () => storage.getItems(keys),
  },
  perTurn: 10,
  rounds: 45, // the difference is small
});

// node-redis, raw and under @ent and cache-manager, sends at the end of the turn, so that commands of one
// turn travel together; ioredis, under bentocache and unstorage, sends at once. A single caller at a time is
// where that shows, hence the row of ioredis itself.
await bench('redis: get, one caller', {
  raw: async () => JSON.parse((await raw.get('raw:user1'))!) as unknown,
  subjects: {
    '@ent': () => ours.get('user1'),
    ioredis: async () => JSON.parse((await ioredis.get('raw:user1'))!) as unknown,
    bentocache: () => bento.get({ key: 'user1' }),
    'cache-manager': () => manager.get('user1'),
    unstorage: () => storage.getItem('user1'),
  },
  perTurn: 100,
});

for (const key of keys) lru.set(key, object);
for (let i = 0; i < 3; i++) await Promise.all(keys.map((key) => tiered.get(key))); // fills it
await bench('redis: get, hit in the local tier', {
  isolate: true,
  raw: async () => lru.get('user1'),
  subjects: {
    '@ent': () => tiered.get('user1'),
    bentocache: () => bentoTiered.get({ key: 'user1' }),
  },
});

// Last: node-redis leaves a timer of five seconds for each command that it has sent, and those
// of 100 000 would end within the next benchmark.
await bench(`redis: get, ${CALLERS} at once`, {
  raw: all(async (key) => JSON.parse((await raw.get(`raw:${key}`))!) as unknown),
  subjects: {
    '@ent': all((key) => ours.get(key)),
    "@ent/cache, clear: 'generation'": all((key) => generations.get(key)),
    bentocache: all((key) => bento.get({ key })),
    'cache-manager': all((key) => manager.get(key)),
    unstorage: all((key) => storage.getItem(key)),
  },
  perTurn: 10,
});

await Promise.all([
  tiered.close(),
  bentoTiered.disconnectAll(),
  ours.close(),
  generations.close(),
  raw.close(),
  bento.disconnectAll(),
  manager.disconnect(),
  storage.dispose(),
]);
await server?.close();
process.exit(0); // some of the others leave timers behind
