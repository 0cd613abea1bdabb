import { refuseUnknown } from '@ent/internal';
import { messagingErrors } from './errors.ts';
import { HEADERS, type Topic } from './message.ts';

/** A document of AsyncAPI 3.0, as an object that JSON takes. */
export type AsyncApiDocument = { readonly [name: string]: unknown };

/** Where the messages travel. */
export interface AsyncApiServer {
  /** `mq.example.com:5672`, without a scheme. */
  readonly host: string;
  /** `amqp`, `amqps`, `redis`. */
  readonly protocol: string;
  readonly description?: string | undefined;
}

/** What a document says of a service. */
export interface AsyncApiOptions {
  readonly title: string;
  readonly version: string;
  readonly description?: string | undefined;
  /** By their names. Default: none. */
  readonly servers?: Readonly<Record<string, AsyncApiServer>> | undefined;
  /** Topics that the service publishes. Default: none. */
  readonly publishes?: readonly Topic[] | undefined;
  /** Topics that it subscribes to. Default: none. */
  readonly subscribes?: readonly Topic[] | undefined;
}

const OPTIONS = {
  title: true,
  version: true,
  description: true,
  servers: true,
  publishes: true,
  subscribes: true,
} as const;

/**
 * The AsyncAPI 3.0 document of a service: its topics, with the schemas of their data. A schema library that follows
 * Standard JSON Schema (zod 4.2 or later) tells its own; of others a document says nothing but that there is data.
 *
 * @throws `messaging.invalid_options`
 *
 * @example
 * ```ts
 * import { defineTopic } from '@ent/messaging';
 * import { asyncapi } from '@ent/messaging/asyncapi';
 * import { z } from 'zod';
 *
 * const userCreated = defineTopic('user.created', z.object({ id: z.string() }));
 * const document = asyncapi({ title: 'Users', version: '1.0.0', publishes: [userCreated] });
 * console.log(JSON.stringify(document, null, 2));
 * ```
 */
export function asyncapi(options: AsyncApiOptions): AsyncApiDocument {
  refuseUnknown(options, OPTIONS, 'asyncapi', messagingErrors.invalid_options);
  const { title, version, description, servers = {}, publishes = [], subscribes = [] } = options;
  if (typeof title !== 'string' || typeof version !== 'string') {
    throw messagingErrors.invalid_options('asyncapi needs a "title" and a "version".');
  }
  for (const given of [publishes, subscribes] as readonly unknown[]) {
    const isTopic = (topic: unknown): boolean =>
      typeof (topic as Topic | null)?.name === 'string' && typeof (topic as Topic).schema === 'object';
    if (Array.isArray(given) && given.every(isTopic)) continue;
    throw messagingErrors.invalid_options(
      '"publishes" and "subscribes" of asyncapi are lists of what defineTopic makes.',
    );
  }
  if (typeof servers !== 'object' || servers === null) {
    throw messagingErrors.invalid_options('"servers" of asyncapi must be an object.');
  }
  const topics = new Map<string, Topic>();
  for (const topic of [...publishes, ...subscribes]) {
    const known = topics.get(topic.name);
    if (known && known.schema !== topic.schema) {
      throw messagingErrors.invalid_options(`The topic "${topic.name}" is there twice, with different schemas.`);
    }
    topics.set(topic.name, topic);
  }
  const schemas: Record<string, unknown> = { headers: HEADER_SCHEMA };
  const operation = (action: 'send' | 'receive', { name }: { readonly name: string }): [string, object] => [
    `${action}.${name}`,
    { action, channel: ref(`channels/${name}`), messages: [ref(`channels/${name}/messages/${name}`)] },
  ];
  return {
    asyncapi: '3.0.0',
    info: { title, version, ...(description !== undefined && { description }) },
    defaultContentType: 'application/json',
    ...(Object.keys(servers).length > 0 && { servers }),
    channels: mapped(topics, (name) => ({
      address: name,
      messages: { [name]: ref(`components/messages/${name}`) },
    })),
    operations: Object.fromEntries([
      ...publishes.map((topic) => operation('send', topic)),
      ...subscribes.map((topic) => operation('receive', topic)),
    ]),
    components: {
      messages: mapped(topics, (name, topic) => ({
        name,
        contentType: 'application/json',
        correlationId: { location: `$message.header#/${HEADERS.correlationId}` },
        headers: ref('components/schemas/headers'),
        payload: payloadOf(topic, schemas),
      })),
      schemas,
    },
  };
}

/** What each message has beside its data. */
const HEADER_SCHEMA = {
  type: 'object',
  properties: {
    [HEADERS.correlationId]: { type: 'string', description: 'The chain of work that the message belongs to.' },
    [HEADERS.causationId]: { type: 'string', description: 'The message during whose handling it was published.' },
    [HEADERS.key]: { type: 'string', description: 'Messages with the same one are handled one at a time.' },
    traceparent: { type: 'string', description: 'W3C Trace Context.' },
  },
  additionalProperties: { type: 'string' },
};

interface JsonSchemaTeller {
  readonly '~standard': {
    readonly jsonSchema?: { input(options: { target: string }): Record<string, unknown> } | undefined;
  };
}

/**
 * The schema of what travels; one that cannot be told, as that of a function, says nothing. What it defines beside
 * itself is put among the schemas of the document, since its references count from there.
 */
function payloadOf({ name, schema }: Topic, schemas: Record<string, unknown>): unknown {
  let told: Record<string, unknown> | undefined;
  try {
    told = (schema as unknown as JsonSchemaTeller)['~standard'].jsonSchema?.input({ target: 'draft-07' });
  } catch {
    // It is one of those.
  }
  const { $schema: _, definitions = {}, ...payload } = told ?? {};
  const defined = Object.entries(definitions as Record<string, unknown>);
  const places = new Map<string, string>([['#', `#/components/messages/${name}/payload`]]);
  for (const [at, [key]] of defined.entries()) {
    const place = `${name}.${/^[\w.-]+$/.test(key) ? key : at}`;
    places.set(`#/definitions/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, `#/components/schemas/${place}`);
  }
  for (const [key, value] of defined) {
    const place = places.get(`#/definitions/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`) as string;
    schemas[place.slice('#/components/schemas/'.length)] = placed(value, places);
  }
  return placed(payload, places);
}

/** With references to where things are. */
function placed(schema: unknown, places: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(schema)) return schema.map((one) => placed(one, places));
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
    if (key === '$ref' && typeof value === 'string') return [key, places.get(decodeURIComponent(value)) ?? value];
    return [key, placed(value, places)];
  });
  return Object.fromEntries(entries);
}

function ref(path: string): object {
  return { $ref: `#/${path}` };
}

function mapped<T>(topics: ReadonlyMap<string, T>, each: (name: string, topic: T) => object): object {
  return Object.fromEntries([...topics].map(([name, topic]) => [name, each(name, topic)]));
}
