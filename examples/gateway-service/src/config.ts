import { defineConfig, duration, secret, type Settings, url } from '@ent/config';
import { z } from 'zod';

const instances = (name: string, example: string) =>
  z
    .array(url({ protocols: ['http', 'https'] }))
    .min(1)
    .default([example])
    .describe(`Base URLs of the instances of ${name}, separated by commas.`);

const schema = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address to listen on.'),
  PORT: z.int().min(0).max(65_535).default(8080).describe('Port to listen on; 0 takes a free one.'),
  USERS_URLS: instances('user-service', 'http://127.0.0.1:8000'),
  ORDERS_URLS: instances('order-service', 'http://127.0.0.1:8002'),
  TOKEN_ISSUER: z.string().default('user-service').describe('Who issues the access tokens that are checked here.'),
  TOKEN_AUDIENCE: z.string().default('user-service').describe('For whom those tokens are.'),
  TOKEN_KEYS_URL: url({ protocols: ['http', 'https'] })
    .default('http://127.0.0.1:8000/.well-known/jwks.json')
    .describe('Where the keys of that issuer are.'),
  GATEWAY_PRIVATE_KEY: secret(z.string().min(1))
    .optional()
    .describe(
      'Signs who calls, for the services; a PKCS #8 PEM key, Ed25519 or P-256. One is made up where it is not set.',
    ),
  CACHE_URL: url({ protocols: ['memory', 'redis', 'rediss', 'memcached'] })
    .default('memory:')
    .describe(
      'Where answers are kept that may be, and calls counted: memory: for this instance, redis:// or memcached:// for several.',
    ),
  RATE_LIMIT_PER_MINUTE: z.int().min(1).default(1000).describe('Calls of one address in a minute.'),
  TRUST_PROXIES: z.array(z.string()).default([]).describe('Addresses or networks of proxies that are believed.'),
  LIVE_PORT: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe('Port of a page, for this machine alone, that shows how the service is; without it there is none.'),
  DRAIN_TIME: duration().prefault('2s').describe('How long calls are still served after SIGTERM.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url({ protocols: ['http', 'https'] })
    .optional()
    .describe('Base URL of an OpenTelemetry Collector, such as http://localhost:4318; without it nothing is traced.'),
  OTEL_TRACES_SAMPLER_ARG: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('The part of the traces begun here that is kept, from 0 to 1.'),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warning', 'error', 'critical'])
    .default('info')
    .describe('Least severe level that is logged.'),
  LOG_FORMAT: z
    .enum(['json', 'ecs', 'otel', 'pretty'])
    .optional()
    .describe('Default: pretty on a terminal, else json.'),
});

/** The settings of the gateway, from the environment and `.env` files. */
export const config = defineConfig(schema);

export type Config = Settings<typeof schema>;
