import { createPrivateKey } from 'node:crypto';
import { defineConfig, duration, secret, type Settings, url } from '@ent/config';
import { z } from 'zod';

/** Whether it is a key that can sign tokens; see `importKey` of @ent/auth. */
function isSigningKey(pem: string): boolean {
  try {
    const key = createPrivateKey(pem.replaceAll('\\n', '\n'));
    return key.asymmetricKeyType === 'ed25519' || key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  } catch {
    return false;
  }
}

const PEM = 'a PKCS #8 PEM private key, Ed25519 or P-256: `openssl genpkey -algorithm ed25519`';

const fields = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'])
    .default('development')
    .describe('production refuses keys that were made up.'),
  HOST: z.string().default('127.0.0.1').describe('Address to listen on.'),
  PORT: z
    .int()
    .min(0)
    .max(65_535)
    .default(8000)
    .describe('Port to listen on; 0 takes a free one, and the log says which.'),
  DATABASE_URL: url({ protocols: ['sqlite', 'postgres', 'postgresql', 'mysql', 'mariadb', 'mongodb', 'mongodb+srv'] })
    .default('sqlite:./data/user-service.db')
    .describe(
      'Where users and sessions are: sqlite: for one machine, postgres://, mysql:// or mongodb:// for several.',
    ),
  CACHE_URL: url({ protocols: ['memory', 'redis', 'rediss', 'memcached'] })
    .default('memory:')
    .describe(
      'Where users are cached, and calls counted: memory: for one instance, redis:// or memcached:// for several.',
    ),
  BROKER_URL: url({ protocols: ['memory', 'amqp', 'amqps', 'redis', 'rediss'] })
    .default('memory:')
    .describe('Where events go: memory: for this process alone, amqp:// or redis:// for others too.'),
  JWT_PRIVATE_KEY: secret(z.string().refine(isSigningKey, `expected ${PEM}`))
    .optional()
    .describe('Signs access tokens; made at the first start where it is not set, except in production.'),
  SECOND_FACTOR_SECRET: secret(z.string().min(32))
    .optional()
    .describe(
      'Encrypts what authenticator apps share with the service; derived from JWT_PRIVATE_KEY where it is not set, so set it before that key is changed.',
    ),
  ADMIN_EMAIL: z
    .email()
    .optional()
    .describe('An administrator that is made at the start, unless somebody has the address.'),
  ADMIN_PASSWORD: secret(z.string().min(15)).optional().describe('Password of that administrator.'),
  ACCESS_TOKEN_TTL: duration().prefault('15m').describe('How long an access token lives.'),
  REFRESH_TOKEN_TTL: duration().prefault('30d').describe('How long a refresh token can wait to be used.'),
  REFRESH_GRACE: duration()
    .refine((ms) => ms <= 60_000, 'expected at most 60s: a copy of the token is not noticed within it')
    .prefault('10s')
    .describe('How long a spent refresh token is taken for a retry; at most 60s.'),
  RATE_LIMIT_PER_MINUTE: z.int().min(1).default(1000).describe('Calls of one address in a minute.'),
  REGISTRATION_LIMIT: z.int().min(1).default(300).describe('New users of one address in a quarter of an hour.'),
  APP_URL: url({ protocols: ['http', 'https'] })
    .default('http://127.0.0.1:8000')
    .describe('Where the pages are that links in mails open: /verify-email and /reset-password there.'),
  CORS_ORIGINS: z.array(z.string()).default([]).describe('Origins whose pages may call, separated by commas.'),
  TRUST_PROXIES: z
    .array(z.string())
    .default([])
    .describe('Addresses or networks of proxies whose X-Forwarded-For is believed.'),
  MCP_TOKEN: secret(z.string().min(16))
    .optional()
    .describe('Lets assistants ask /mcp how the service is, by this bearer token; without it there is no such path.'),
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

/** A rule between settings; it is looked at even where others are wrong, so that the report has every fault. */
const rule = (variable: string, message: string) => ({ path: [variable], error: message, when: () => true });

const schema = fields
  .refine(
    (settings) => settings.NODE_ENV !== 'production' || settings.JWT_PRIVATE_KEY !== undefined,
    rule('JWT_PRIVATE_KEY', `required in production: ${PEM}`),
  )
  .refine(
    (settings) => (settings.ADMIN_EMAIL === undefined) === (settings.ADMIN_PASSWORD === undefined),
    rule('ADMIN_PASSWORD', 'ADMIN_EMAIL and ADMIN_PASSWORD go together: set both, or none'),
  );

/** The settings of the service, from the environment and `.env` files. */
export const config = defineConfig(schema);

/** Where the database is, and nothing else: for what needs no key. */
export const databaseConfig = defineConfig(fields.pick({ DATABASE_URL: true }));

export type Config = Settings<typeof schema>;
