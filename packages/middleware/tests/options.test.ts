import {
  cors,
  createRateLimiter,
  memoryRateLimitStore,
  rateLimit,
  requestContext,
  requestId,
  securityHeaders,
} from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
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
  ['requestContext', () => requestContext({ field: () => ({}) } as never)],
  ['requestId', () => requestId({ name: 'x' } as never)],
  ['securityHeaders', () => securityHeaders({ overrides: {} } as never)],
  ['createNodeListener', () => createNodeListener(() => undefined, { middlewares: [] } as never)],
  ['createNodeListener with a list', () => createNodeListener(() => undefined, [requestId()] as never)],
])('options that nobody reads are refused: %s', (_name, call) => {
  expect(call).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
});
