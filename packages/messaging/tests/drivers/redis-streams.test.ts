import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { describe, expect, it } from 'vitest';
import { redisStreams, redisStreamsFeatures } from '../../src/drivers/redis-streams/index.ts';
import type { MessagingDriver } from '../../src/index.ts';
import { testMessagingDriver } from '../../src/testing.ts';

it.each<[object, string]>([
  [{ leas: 1 }, 'did you mean lease'],
  [{ client: createClient(), url: 'redis://127.0.0.1:1' }, 'has no option "url"'],
  [{ cluster: { rootNodes: [] }, username: 'u' }, 'has no option "username"'],
  [{ client: createClient({ keyPrefix: 'a' }) }, 'keyPrefix'],
  ...[undefined, null, {}, { xadd: () => {}, status: 'ready' }, 'redis://localhost'].map((client): [object, string] => [
    { client },
    'client must be a client of node-redis',
  ]),
  [{ prefix: 'a{b}' }, '"prefix"'],
  [{ lease: 'soon' }, 'lease'],
  [{ url: 'nowhere' }, 'Invalid URL'],
])('refuses options that it does not know, or cannot use: %#', (options, why) => {
  expect(() => redisStreams(options)).toThrow(
    expect.objectContaining({ code: 'messaging.invalid_options', message: expect.stringContaining(why) }),
  );
});

describeWithServer('redis', (server) => {
  describe('conformance', () => {
    const cuts = new WeakMap<MessagingDriver, () => void>();
    testMessagingDriver(
      { it },
      {
        features: redisStreamsFeatures,
        patienceMs: 100_000,
        async createDriver() {
          const proxy = await server.proxy();
          const driver = redisStreams({ url: proxy.url, lease: 5000 });
          cuts.set(driver, () => proxy.cut());
          return driver;
        },
        disconnect: (driver) => cuts.get(driver)?.(),
      },
    );
  });
});
