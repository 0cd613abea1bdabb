/**
 * The versions of the libraries that a new service may have: what the packages allow as a peer, or are tested with.
 * `tests/versions.test.ts` compares them.
 */
export const VERSIONS = {
  '@hono/node-server': '^2.1.9',
  '@koa/bodyparser': '^6.1.0',
  '@koa/router': '^15.7.0',
  '@types/express': '^5.0.6',
  '@types/koa': '^3.0.3',
  '@types/node': '^24.19.2',
  amqplib: '^2.3.1',
  'better-sqlite3': '^13.0.0',
  express: '^5.0.0',
  fastify: '^5.0.0',
  hono: '^4.8.0',
  koa: '^3.0.0',
  kysely: '^0.29.0',
  'lru-cache': '^11.0.0',
  'memcache-client': '^1.0.5',
  mongodb: '^7.9.0',
  mysql2: '^3.24.0',
  pg: '^8.23.0',
  redis: '^6.2.0',
  'swagger-ui-dist': '^5.0.0',
  typescript: '^7.0.2',
  zod: '^4.3.0',
} as const;

export type Library = keyof typeof VERSIONS;
