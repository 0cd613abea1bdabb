import { defineConfig, duration, type Settings, url } from '@ent/config';
import { z } from 'zod';
import { logSettings } from '../config.ts';

const share = (): z.ZodNumber => z.number().min(0).max(1);

const schema = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address to listen on.'),
  PORT: z.int().min(0).max(65_535).default(8003).describe('Port to listen on; 0 takes a free one.'),
  DATABASE_URL: url({ protocols: ['sqlite', 'postgres', 'postgresql', 'mysql', 'mariadb'] })
    .default('sqlite:./data/payments.db')
    .describe('Where the payments are.'),
  FAULT_SEED: z.int().min(0).default(1).describe('Repeats the same luck.'),
  FAULT_REFUSE: share().default(0.05).describe('The share of requests that are answered with 503, nothing done.'),
  FAULT_LOSE: share().default(0.05).describe('The share of requests that are done, and whose answer is lost.'),
  FAULT_DELAY: duration().prefault('300ms').describe('The longest delay of an answer.'),
  ...logSettings,
});

/** The settings of the provider, from the environment and `.env` files. */
export const config = defineConfig(schema);

export type Config = Settings<typeof schema>;
