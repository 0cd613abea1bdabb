import { defineConfig, duration, type Settings, url } from '@ent/config';
import { z } from 'zod';

/** How much is logged, and how; of the provider too. */
export const logSettings = {
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warning', 'error', 'critical'])
    .default('info')
    .describe('Least severe level that is logged.'),
  LOG_FORMAT: z
    .enum(['json', 'ecs', 'otel', 'pretty'])
    .optional()
    .describe('Default: pretty on a terminal, else json.'),
};
export type LogSettings = Settings<z.ZodObject<typeof logSettings>>;

const http = { protocols: ['http', 'https'] };

const schema = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address to listen on.'),
  PORT: z
    .int()
    .min(0)
    .max(65_535)
    .default(8002)
    .describe('Port to listen on; 0 takes a free one, and the log says which.'),
  DATABASE_URL: url({ protocols: ['sqlite', 'postgres', 'postgresql', 'mysql', 'mariadb'] })
    .default('sqlite:./data/order-service.db')
    .describe('Where orders and stock are: sqlite: for one machine, postgres:// or mysql:// for several.'),
  CACHE_URL: url({ protocols: ['memory', 'redis', 'rediss', 'memcached'] })
    .default('memory:')
    .describe(
      'Where answers to idempotency keys are kept, and calls counted: memory: for one instance, redis:// or memcached:// for several.',
    ),
  BROKER_URL: url({ protocols: ['memory', 'amqp', 'amqps', 'redis', 'rediss'] })
    .default('memory:')
    .describe('What the parts speak by: memory: for this process alone, amqp:// or redis:// for several.'),
  KEYS_URL: url(http)
    .default('http://127.0.0.1:8000/.well-known/jwks.json')
    .describe('Where the keys are that access tokens of user-service are signed with.'),
  TOKEN_ISSUER: z.string().min(1).default('user-service').describe('Who issues the access tokens.'),
  TOKEN_AUDIENCE: z.string().min(1).default('user-service').describe('Whom the access tokens are for.'),
  PAYMENTS_URL: url(http).default('http://127.0.0.1:8003').describe('Where the payment provider is.'),
  PAYMENT_TRY: duration().prefault('3s').describe('How long one request to the payment provider may take.'),
  PAYMENT_WAIT: duration().prefault('1m').describe('How long an order waits for its payment, before it goes back.'),
  STEP_WAIT: duration()
    .prefault('15s')
    .describe('How long any other step is waited for, before it is asked for again.'),
  RELAY_LEASE: duration()
    .prefault('5s')
    .describe('After which time the outbox relay of an instance that died is replaced.'),
  RATE_LIMIT_PER_MINUTE: z.int().min(1).default(1000).describe('Calls of one address in a minute.'),
  TRUST_PROXIES: z
    .array(z.string())
    .default([])
    .describe('Addresses or networks of proxies whose X-Forwarded-For is believed.'),
  LIVE_PORT: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe('Port of a page, for this machine alone, that shows how the service is; without it there is none.'),
  DRAIN_TIME: duration().prefault('2s').describe('How long calls are still served after SIGTERM.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(http)
    .optional()
    .describe('Base URL of an OpenTelemetry Collector, such as http://localhost:4318; without it nothing is traced.'),
  OTEL_TRACES_SAMPLER_ARG: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('The part of the traces begun here that is kept, from 0 to 1.'),
  ...logSettings,
});

/** The settings of the service, from the environment and `.env` files. */
export const config = defineConfig(schema);

/** Where the database is, and nothing else. */
export const databaseConfig = defineConfig(schema.pick({ DATABASE_URL: true }));

export type Config = Settings<typeof schema>;
