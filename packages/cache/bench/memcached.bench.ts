// Memcached: 100 callers at once read an object of 200 bytes; and 100 keys in one call.
import { startServer } from '@ent/testkit';
import { MemcacheClient } from 'memcache-client';
import { bench } from '../../../scripts/bench.ts';
import { memcached } from '../src/drivers/memcached/index.ts';
import { createCache } from '../src/index.ts';

const object = {
  id: 42,
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  roles: ['admin'],
  active: true,
  about: 'x'.repeat(100),
};
const keys = Array.from({ length: 100 }, (_, i) => `user${i}`);
const ttl = 3_600_000;

const server = await startServer('memcached');
const address = `${server.host}:${server.port}`;
const raw = new MemcacheClient({ server: address, noDelay: true });
const ours = createCache({ driver: memcached({ servers: address }), prefix: 'ours', ttl });
for (const key of keys) {
  await raw.set(`raw:${key}`, object, { lifetime: 3_600 });
  await ours.set(key, object);
}

await bench('memcached: get, 100 at once', {
  raw: () => Promise.all(keys.map((key) => raw.get(`raw:${key}`))),
  subjects: {
    '@ent': () => Promise.all(keys.map((key) => ours.get(key))),
  },
  perTurn: 10,
});

await bench('memcached: getMany of 100', {
  raw: () => raw.get(keys.map((key) => `raw:${key}`)),
  subjects: { '@ent': () => ours.getMany(keys) },
  perTurn: 10,
});

await ours.close();
raw.shutdown();
await server.close();
