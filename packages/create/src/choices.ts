import type { Library } from './versions.ts';

/** One answer to a question: what it brings. */
export interface Choice {
  /** What it is called where it is asked for. */
  readonly label: string;
  readonly libraries: readonly Library[];
  /** Libraries of development and tests alone. */
  readonly tools?: readonly Library[];
  /** The schemes of its URLs. */
  readonly protocols?: readonly string[];
  /** Where it is for the service in Docker Compose, and for one that runs beside it. */
  readonly url?: (host: 'compose' | 'local', service: string) => string;
}

/** A host as it is called inside the network of Docker Compose. */
const at = (host: 'compose' | 'local', name: string): string => (host === 'compose' ? name : '127.0.0.1');

/** The questions of `npm create @ent`, and the answers that each has; the first is the default. */
export const CHOICES = {
  database: {
    sqlite: {
      label: 'SQLite: a file, for one machine',
      libraries: ['kysely', 'better-sqlite3'],
      protocols: ['sqlite'],
      url: (_host: 'compose' | 'local', service: string) => `sqlite:./data/${service}.db`,
    },
    postgres: {
      label: 'PostgreSQL',
      libraries: ['kysely', 'pg'],
      tools: ['better-sqlite3'],
      protocols: ['sqlite', 'postgres', 'postgresql'],
      url: (host) => `postgres://app:development@${at(host, 'postgres')}:5432/app`,
    },
    mysql: {
      label: 'MySQL or MariaDB',
      libraries: ['kysely', 'mysql2'],
      tools: ['better-sqlite3'],
      protocols: ['sqlite', 'mysql', 'mariadb'],
      url: (host) => `mysql://app:development@${at(host, 'mysql')}:3306/app`,
    },
    mongodb: {
      label: 'MongoDB',
      libraries: ['mongodb', 'kysely'],
      tools: ['better-sqlite3'],
      protocols: ['sqlite', 'mongodb', 'mongodb+srv'],
      url: (host) => `mongodb://${at(host, 'mongodb')}:27017/app${host === 'local' ? '?directConnection=true' : ''}`,
    },
  },
  cache: {
    memory: { label: 'in the process', libraries: ['lru-cache'], protocols: ['memory'], url: () => 'memory:' },
    redis: {
      label: 'Redis or Valkey',
      libraries: ['lru-cache', 'redis'],
      protocols: ['memory', 'redis', 'rediss'],
      url: (host) => `redis://${at(host, 'redis')}:6379`,
    },
    memcached: {
      label: 'Memcached',
      libraries: ['lru-cache', 'memcache-client'],
      protocols: ['memory', 'memcached'],
      url: (host) => `memcached://${at(host, 'memcached')}:11211`,
    },
  },
  broker: {
    memory: { label: 'in the process', libraries: [], protocols: ['memory'], url: () => 'memory:' },
    rabbitmq: {
      label: 'RabbitMQ',
      libraries: ['amqplib'],
      protocols: ['memory', 'amqp', 'amqps'],
      url: (host) => `amqp://app:development@${at(host, 'rabbitmq')}:5672`,
    },
    'redis-streams': {
      label: 'Redis Streams',
      libraries: ['redis'],
      protocols: ['memory', 'redis', 'rediss'],
      url: (host) => `redis://${at(host, 'redis')}:6379`,
    },
  },
  host: {
    node: { label: 'node:http, with @ent/http: routes as data, OpenAPI and its pages', libraries: ['swagger-ui-dist'] },
    express: { label: 'Express', libraries: ['express'], tools: ['@types/express'] },
    fastify: { label: 'Fastify', libraries: ['fastify'] },
    koa: { label: 'Koa', libraries: ['koa', '@koa/router', '@koa/bodyparser'], tools: ['@types/koa'] },
    hono: { label: 'Hono', libraries: ['hono', '@hono/node-server'] },
  },
  auth: {
    none: { label: 'nobody has to say who they are', libraries: [] },
    'api-keys': { label: 'API keys, which the service gives out', libraries: [] },
    tokens: { label: 'access tokens of an identity provider', libraries: [] },
  },
} as const satisfies Record<string, Readonly<Record<string, Choice>>>;

/** What is asked of a new service: `database`, `cache`, `broker`, `host`, `auth`. */
export type Question = keyof typeof CHOICES;

/** What a new service is made of. */
export type Choices = { readonly [Q in Question]: keyof (typeof CHOICES)[Q] };

/** The questions, in the order in which they are asked. */
export const QUESTIONS = Object.keys(CHOICES) as Question[];

/** The answers of a question. */
export function answersOf(question: Question): string[] {
  return Object.keys(CHOICES[question]);
}

/** What an answer brings. */
export function choiceOf(question: Question, answer: string): Choice {
  return (CHOICES[question] as Record<string, Choice>)[answer]!;
}
