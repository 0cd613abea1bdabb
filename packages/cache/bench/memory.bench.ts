// Memory: what each library adds to an async function around lru-cache, for a hit and for a write.
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { createCache as createCacheManager } from 'cache-manager';
import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';
import { createStorage } from 'unstorage';
import { bench } from '../../../scripts/bench.ts';
import { memory } from '../src/drivers/memory/index.ts';
import { channels, createCache } from '../src/index.ts';

const user = { id: 42, name: 'Ada Lovelace', email: 'ada@example.com', roles: ['admin', 'author'], active: true };
const ttl = 3_600_000;
// As many keys as a request mix touches, made once: callers build their keys, but not in this comparison.
const keys = Array.from({ length: 1_000 }, (_, i) => `user:${i}`);
let turn = 0;
const next = (): string => keys[turn++ % keys.length]!;

const lru = new LRUCache<string, { value: unknown; expiresAt: number }>({ max: 10_000 });
const rawGet = async (key: string): Promise<unknown> => {
  const item = lru.get(key);
  return item !== undefined && item.expiresAt > Date.now() ? item.value : undefined;
};
const ours = createCache({ driver: memory(), ttl });
const prefixed = createCache({ driver: memory(), ttl, prefix: 'app' }).namespace('users');
const manager = createCacheManager({ ttl });
const bento = new BentoCache({
  default: 'memory',
  stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: 10_000 })) },
  ttl,
});
const keyv = new Keyv({ ttl });
const storage = createStorage();

for (const key of keys) {
  lru.set(key, { value: user, expiresAt: Date.now() + ttl });
  await ours.set(key, user);
  await prefixed.set(key, user);
  await manager.set(key, user, ttl);
  await bento.set({ key, value: user });
  await keyv.set(key, user);
  await storage.setItem(key, user);
}

await bench('memory: get, hit', {
  isolate: true,
  clock: 'cpu',
  raw: () => rawGet(next()),
  subjects: {
    '@ent': () => ours.get(next()),
    '@ent: prefix and namespace': () => prefixed.get(next()),
    'cache-manager': () => manager.get(next()),
    bentocache: () => bento.get({ key: next() }),
    keyv: () => keyv.get(next()),
    unstorage: () => storage.getItem(next()),
  },
});

// What the channels cost: nobody listens (as above), there are none, and somebody does. Each in a process of its own.
let prepared = false;
const once = (prepare: () => void): void => {
  if (!prepared) prepare();
  prepared = true;
};
await bench('memory: get, hit, and the channels', {
  isolate: true,
  clock: 'cpu',
  raw: () => ours.get(next()),
  subjects: {
    '@ent: no channels': () => {
      once(() => Object.assign(channels, { get: { hasSubscribers: false } }));
      return ours.get(next());
    },
    '@ent: a subscriber': () => {
      once(() => channels.get.subscribe({ start() {}, end() {}, asyncStart() {}, asyncEnd() {}, error() {} }));
      return ours.get(next());
    },
  },
});

const rawSet = async (key: string): Promise<void> => {
  lru.set(key, { value: user, expiresAt: Date.now() + ttl });
};
await bench('memory: set', {
  isolate: true,
  clock: 'cpu',
  raw: () => rawSet(next()),
  subjects: {
    '@ent': () => ours.set(next(), user),
    '@ent, a TTL': () => ours.set(next(), user, { ttl: '1h' }),
    '@ent: prefix and namespace': () => prefixed.set(next(), user),
    'cache-manager': () => manager.set(next(), user, ttl),
    bentocache: () => bento.set({ key: next(), value: user }),
    keyv: () => keyv.set(next(), user),
    unstorage: () => storage.setItem(next(), user),
  },
});

const factory = (): typeof user => user;
const managerFactory = async (): Promise<typeof user> => user;
const options = { ttl };
await bench('memory: getOrSet, hit', {
  isolate: true,
  clock: 'cpu',
  raw: () => rawGet(next()),
  subjects: {
    '@ent': () => ours.getOrSet(next(), factory, options),
    'cache-manager wrap': () => manager.wrap(next(), managerFactory, ttl),
    bentocache: () => bento.getOrSet({ key: next(), factory, ttl }),
  },
});
await bento.disconnectAll();
process.exit(0); // keyv and bentocache keep timers
