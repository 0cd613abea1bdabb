import { defineConfig, type Settings, url } from '@ent/config';
import { z } from 'zod';

const schema = z.object({
  BROKER_URL: url({ protocols: ['amqp', 'amqps', 'redis', 'rediss'] }).describe('Where the events come from.'),
  DATABASE_URL: url({ protocols: ['sqlite', 'postgres', 'postgresql'] })
    .default('sqlite:./data/user-events.db')
    .describe('Where the projection is.'),
  HOST: z.string().default('127.0.0.1').describe('Address of the probes.'),
  PORT: z.int().min(0).max(65_535).default(8001).describe('Port of the probes; 0 takes a free one.'),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warning', 'error', 'critical'])
    .default('info')
    .describe('Least severe level that is logged.'),
});

/** The settings of the consumer, from the environment and `.env` files. */
export const config = defineConfig(schema);

/** Where the database is, and nothing else. */
export const databaseConfig = defineConfig(schema.pick({ DATABASE_URL: true }));

export type Config = Settings<typeof schema>;
