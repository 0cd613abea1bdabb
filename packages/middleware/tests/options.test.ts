import {
  cors,
  createPipeline,
  createRateLimiter,
  entityTag,
  memoryRateLimitStore,
  rateLimit,
  readJson,
  requestContext,
  requestId,
  securityHeaders,
} from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import {
  cacheRateLimitStore,
  memcachedRateLimitStore,
  redisRateLimitStore,
  repositoryRateLimitStore,
} from '@ent/middleware/stores';
import { expect, it } from 'vitest';

const one = { limit: 1, window: '1m' };

it.each<[string, () => unknown]>([
  ['cors without any', () => cors(undefined as never)],
  ['cors without origins', () => cors({} as never)],
  ['cors with one origin as text', () => cors({ origins: 'https://a.example' } as never)],
  ['cors', () => cors({ origins: '*', origin: '*' } as never)],
  ['rateLimit without any', () => rateLimit(undefined as never)],
  ['rateLimit', () => rateLimit({ ...one, max: 5 } as never)],
  ['createRateLimiter', () => createRateLimiter({ ...one, key: () => 'x' } as never)],
  ['createRateLimiter without any', () => createRateLimiter(undefined as never)],
  ['memoryRateLimitStore', () => memoryRateLimitStore({ max: 5 } as never)],
  ['redisRateLimitStore', () => redisRateLimitStore({ evalSha() {}, eval() {} } as never, { name: 'x' } as never)],
  ['redisRateLimitStore with options for a client', () => redisRateLimitStore({ url: 'redis://x' } as never)],
  ['memcachedRateLimitStore without a client', () => memcachedRateLimitStore(undefined as never)],
  ['cacheRateLimitStore without a cache', () => cacheRateLimitStore(undefined as never)],
  ['cacheRateLimitStore of a client', () => cacheRateLimitStore({ evalSha() {}, eval() {} } as never)],
  [
    'cacheRateLimitStore of what is no whole cache',
    () => cacheRateLimitStore({ driver: { name: 'redis', client: { evalSha() {}, eval() {} } } } as never),
  ],
  [
    'cacheRateLimitStore of another backend',
    () => cacheRateLimitStore({ driver: { name: 'disk', client: {} } } as never),
  ],
  [
    'cacheRateLimitStore',
    () => cacheRateLimitStore({ driver: { name: 'memory', client: {} } } as never, { name: 'x' } as never),
  ],
  ['repositoryRateLimitStore of a database', () => repositoryRateLimitStore({ repo() {} } as never)],
  ['requestContext', () => requestContext({ field: () => ({}) } as never)],
  ['requestId', () => requestId({ name: 'x' } as never)],
  ['securityHeaders', () => securityHeaders({ overrides: {} } as never)],
  ['createNodeListener', () => createNodeListener(() => undefined, { middlewares: [] } as never)],
  ['createNodeListener with a list', () => createNodeListener(() => undefined, [requestId()] as never)],
])('options that nobody reads are refused: %s', (_name, call) => {
  expect(call).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
});

it.each<[string, () => unknown]>([
  ['createNodeListener without a handler', () => createNodeListener(undefined as never)],
  ['createPipeline with one middleware', () => createPipeline(requestId() as never)],
  ['a function of another framework as a middleware', () => createPipeline([() => {}])],
  ['null as a middleware', () => createPipeline([null as never])],
  ['a middleware whose hook is misspelt', () => createPipeline([{ name: 'x', befor() {} } as never])],
  ['a middleware whose hook is no function', () => createPipeline([{ name: 'x', head: {} } as never])],
  ['entityTag of nothing', () => entityTag(undefined as never)],
  ['entityTag of an object', () => entityTag({} as never)],
])('what JavaScript gives in place of an argument is refused: %s', (_name, call) => {
  expect(call).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
});

it('readJson refuses an option that nobody reads', async () => {
  const exchange = { header: () => undefined } as never;
  await expect(readJson(exchange, { maxByte: 10 } as never)).rejects.toMatchObject({
    code: 'middleware.invalid_options',
  });
});
