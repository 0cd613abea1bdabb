import { startServer, uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { createCache } from '../../src/cache.ts';
import { type CacheGetOperation, type CacheLoadOperation, channels } from '../../src/channels.ts';
import { memory } from '../../src/drivers/memory/index.ts';
import { redis } from '../../src/drivers/redis/index.ts';
import { redisExtras } from '../../src/drivers/redis-extras/index.ts';

async function until(condition: () => Promise<boolean>): Promise<void> {
  // the test has an end of its own
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const succeeds = (call: Promise<unknown>): Promise<boolean> =>
  call.then(
    () => true,
    () => false,
  );

type Admin = ReturnType<typeof createClient>;

interface Refusal {
  readonly reason: string;
  refuse(client: Admin): Promise<unknown>;
  allow(client: Admin): Promise<unknown>;
}

function answersWhatItHas(server: { readonly url: string }, { reason, refuse, allow }: Refusal): void {
  it(`answers what it has while the server takes no writes (${reason}), and tells why`, async () => {
    const { url } = server;
    const admin: Admin = createClient({ url });
    admin.on('error', () => {});
    onTestFinished(() => admin.destroy());
    await admin.connect();
    const shared = { prefix: uniqueName('full'), timeout: '1m' } as const;
    await using strict = createCache({ ...shared, driver: redis({ url }) });
    await using lenient = createCache({ ...shared, driver: redis({ url }), onError: 'miss' });
    await strict.set('k', 'stored');
    await lenient.get('k');
    const loads: CacheLoadOperation[] = [];
    const handlers = { asyncEnd: (event: CacheLoadOperation) => void loads.push(event) };
    channels.load.subscribe(handlers as never);
    const told = { code: 'cache.unavailable', message: expect.stringContaining(reason) };
    try {
      await refuse(admin);
      for (let round = 0; round < 5; round++) {
        await expect(strict.set('k', 1)).rejects.toMatchObject(told);
        await expect(strict.increment('n')).rejects.toMatchObject(told);
      }
      // A server that answers is there: no breaker is open.
      expect(await strict.get('k')).toBe('stored');
      await expect(strict.getOrSet('new', () => 1)).rejects.toMatchObject(told);
      expect(await lenient.set('k', 1)).toBe(false);
      expect(await lenient.getOrSet('new', () => 'made')).toBe('made');
      expect(await lenient.getOrSet('tagged', () => 'made', { tags: ['t'] })).toBe('made');
      expect(await lenient.getOrSetMany(['a'], () => new Map([['a', 1]]))).toEqual(new Map([['a', 1]]));
      expect(await lenient.get('new')).toBeUndefined();
      expect(loads.length).toBeGreaterThan(3);
      for (const load of loads.filter((one) => one.error === undefined)) {
        expect(load).toMatchObject({ outcome: 'refused', reason: told });
      }
    } finally {
      await allow(admin);
      channels.load.unsubscribe(handlers as never);
    }
    await until(() => succeeds(strict.set('k', 2)));
  });
}

describeWithServer('redis', (server) => {
  let admin: Admin;
  beforeEach(async () => {
    admin = createClient({ url: server.url });
    admin.on('error', () => {});
    await admin.connect();
  });
  afterEach(() => admin.destroy());

  it('follows its address to a new primary, while the old one stays up as a replica', async () => {
    const newer = await startServer('redis');
    const address = await server.proxy();
    const { url } = address;
    const shared = { prefix: uniqueName('moved'), timeout: '1m' } as const;
    await using cache = createCache({ ...shared, driver: redis({ url }), onError: 'miss' });
    await using strict = createCache({ ...shared, driver: redis({ url }) });
    await cache.set('k', 1);
    await strict.set('k', 2);
    address.moveTo(newer.url);
    try {
      await admin.sendCommand(['REPLICAOF', '127.0.0.1', String(newer.port)]);
      await expect(strict.set('k', 3)).rejects.toMatchObject({
        code: 'cache.unavailable',
        message: expect.stringContaining('READONLY'),
      });
      await until(() => cache.set('k', 4));
      await until(() => succeeds(strict.set('s', 5)));
      let runs = 0;
      await until(async () => {
        await cache.getOrSet('loaded', () => ++runs);
        return cache.has('loaded');
      });
      const before = runs;
      await cache.getOrSet('loaded', () => ++runs);
      expect(runs).toBe(before);
    } finally {
      await admin.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    }
    await address.close();
    await newer.close();
  });

  for (const [reason, setting, refused, allowed] of [
    ['OOM', 'maxmemory', '1', '0'],
    ['NOREPLICAS', 'min-replicas-to-write', '1', '0'],
  ] as const) {
    answersWhatItHas(server, {
      reason,
      refuse: (client) => client.configSet(setting, refused),
      allow: (client) => client.configSet(setting, allowed),
    });
  }

  async function asUser(name: string, ...rules: string[]): Promise<string> {
    await admin.sendCommand(['ACL', 'SETUSER', name, 'on', '>pw', ...rules]);
    return server.url.replace('://', `://${name}:pw@`);
  }

  it('keeps all of its keys under the prefix, so that a user may be limited to it', async () => {
    const url = await asUser('shop', '~shop*', '&shop*', '+@all');
    await using cache = createCache({ driver: redis({ url }), prefix: 'shop', timeout: '1m', local: memory() });
    await using generations = createCache({
      driver: redis({ url }),
      prefix: 'shop-2',
      timeout: '1m',
      clear: 'generation',
    });
    await cache.ping();
    const seen: CacheGetOperation[] = [];
    const handlers = { asyncEnd: (event: CacheGetOperation) => void seen.push(event) };
    channels.get.subscribe(handlers as never);
    try {
      await cache.set('k', 1);
      await until(async () => {
        expect(await cache.get('k')).toBe(1);
        return seen.at(-1)!.local === 1;
      });
    } finally {
      channels.get.unsubscribe(handlers as never);
    }
    for (const one of [cache, generations]) {
      await one.getOrSet('loaded', () => 1, { tags: ['t'] });
      await one.increment('n');
      await one.invalidateTags(['t']);
      await one.namespace('inner').set('k', 1);
      await one.clear();
      expect(await one.get('loaded')).toBeUndefined();
    }
    const extras = redisExtras(cache);
    await extras.hash('h').set('f', 1);
    await extras.lock('l').run(async () => {});
    const heard = Promise.withResolvers<unknown>();
    const subscription = await extras.topic('t').subscribe((message) => heard.resolve(message));
    await extras.topic('t').publish('hello');
    expect(await heard.promise).toBe('hello');
    await subscription.close();
  });

  it('says once that a local tier serves nothing, which cannot prove its connection', async () => {
    const url = await asUser('blind', '~*', '&*', '+@all', '-exists');
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    try {
      await using cache = createCache({
        driver: redis({ url }),
        prefix: uniqueName('blind'),
        timeout: '1m',
        local: memory(),
      });
      await cache.set('k', 1);
      for (let round = 0; round < 20; round++) expect(await cache.get('k')).toBe(1);
      await until(async () => {
        await cache.get('k');
        return warnings.length > 0;
      });
      for (let round = 0; round < 20; round++) expect(await cache.get('k')).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(warnings).toMatchObject([
        {
          code: 'cache.driver_failed',
          message: expect.stringContaining('local tier'),
          detail: expect.stringContaining('NOPERM'),
        },
      ]);
    } finally {
      process.off('warning', onWarning);
    }
  });

  it('does not open a client again that its owner has closed', async () => {
    for (const end of ['close', 'destroy'] as const) {
      const client = createClient({ url: server.url }).on('error', () => {});
      await client.connect();
      await using cache = createCache({
        driver: redis({ client: client as never }),
        prefix: uniqueName('quit'),
        timeout: '1m',
      });
      if (end === 'close') await cache.set('k', 1);
      await client[end]();
      await expect(cache.get('k')).rejects.toMatchObject({ code: 'cache.unavailable' });
      expect(client.isOpen).toBe(false);
      await client.connect();
      await until(() => succeeds(cache.set('k', 2)));
      client.destroy();
    }
  });
});

// A snapshot never takes the place of a folder: each one fails, for root too.
describeWithServer('redis', { args: ['--dbfilename', 'appendonlydir'] }, (server) => {
  answersWhatItHas(server, {
    reason: 'MISCONF',
    async refuse(client) {
      await client.configSet('save', '3600 1');
      await client.bgSave();
      await until(async () => (await client.info('persistence')).includes('rdb_last_bgsave_status:err'));
    },
    allow: (client) => client.configSet('stop-writes-on-bgsave-error', 'no'),
  });
});

it('refuses what is no client of node-redis', () => {
  for (const client of [undefined, null, {}, { get: () => {}, status: 'ready' }, 'redis://localhost']) {
    expect(() => redis({ client: client as never })).toThrow(
      expect.objectContaining({ code: 'cache.invalid_options' }),
    );
  }
});
