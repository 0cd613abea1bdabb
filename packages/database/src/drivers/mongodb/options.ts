import { refuseUnknown, truthIn } from '@ent/internal';
import { MongoClient, type MongoClientOptions } from 'mongodb';
import { databaseErrors } from '../../errors.ts';
import {
  ACQUIRE_NAMES,
  type AcquireOptions,
  type AcquireSettings,
  acquireSettings,
  refuseTwice,
  timeOption,
  wholeOption,
} from '../../internal/pool-options.ts';
import type { Duration } from '../../options.ts';

/** Options that do not depend on where the client comes from. */
export interface MongodbCommonOptions extends AcquireOptions {
  /**
   * `false` for a standalone server, which has no transactions: then of several rows some may be stored when one is
   * refused, and `db.transaction` is refused. Default `true`: what is needed is a replica set (of one server, perhaps)
   * or a sharded cluster, and the first call fails where there is none.
   */
  readonly transactions?: boolean | undefined;
  /**
   * How decimals are stored: as `decimal128`, which can be compared, sorted and added to, or as `text`, for servers
   * that have no such type (FerretDB 1.x). Default `decimal128`.
   */
  readonly decimals?: 'decimal128' | 'text' | undefined;
  /** Calls and transactions at a time, at the most. Default 10. */
  readonly max?: number | undefined;
}

/** The server by its URL. */
export interface MongodbUrlOptions extends MongodbCommonOptions {
  /**
   * `mongodb://user:password@host:27017/database`, with several hosts, or `mongodb+srv://`. Its parameters are those of
   * MongoDB's connection strings, and `transactions` and `decimals`; `maxPoolSize`, `minPoolSize`, `maxIdleTimeMS`,
   * `connectTimeoutMS` and `waitQueueTimeoutMS` are `max`, `min`, `idleTimeout`, `connectTimeout` and `acquireTimeout`.
   */
  readonly url: string;
  /** The database. Default: that of the URL. */
  readonly database?: string | undefined;
  /** Connections to each server that stay open when nobody uses them. Default 0. */
  readonly min?: number | undefined;
  /** How long a connection may be unused before it is closed. Default `"1m"`. */
  readonly idleTimeout?: Duration | undefined;
  /** How long connecting to a server may take, and the search for one that takes writes. Default `"5s"`. */
  readonly connectTimeout?: Duration | undefined;
}

/** A client of your own. */
export interface MongodbClientOptions extends MongodbCommonOptions {
  /** A `MongoClient`. Its settings stay as they are, and you close it. */
  readonly client: MongoClient;
  /** The database. */
  readonly database: string;
}

/** Options of `mongodb`: a URL, or a client of your own. */
export type MongodbOptions = MongodbUrlOptions | MongodbClientOptions;

/** What the options come to. */
export interface Settings extends AcquireSettings {
  readonly client: MongoClient;
  readonly isOurs: boolean;
  readonly database: string;
  readonly transactions: boolean;
  readonly decimals: 'decimal128' | 'text';
  readonly max: number;
}

const COMMON = { ...ACQUIRE_NAMES, transactions: true, decimals: true, max: true } as const;
const MADE = { url: true, database: true, min: true, idleTimeout: true, connectTimeout: true } as const;
const invalid = databaseErrors.invalid_definition;

/**
 * What our options are called in connection strings.
 * https://www.mongodb.com/docs/manual/reference/connection-string-options/
 */
const IN_URLS = {
  max: 'maxPoolSize',
  min: 'minPoolSize',
  idleTimeout: 'maxIdleTimeMS',
  connectTimeout: 'connectTimeoutMS',
  acquireTimeout: 'waitQueueTimeoutMS',
  transactions: 'transactions',
  decimals: 'decimals',
} as const satisfies Partial<Record<keyof MongodbUrlOptions, string>>;

/** @throws `database.invalid_definition`; no part of the URL is in its message, since it can hold a password */
export function settingsOf(options: MongodbOptions): Settings {
  // What is no object is refused below.
  if (Object(options) === options && 'client' in options) {
    refuseUnknown(options, { ...COMMON, client: true, database: true }, 'mongodb with a client of yours', invalid);
    return {
      ...commonOf(options),
      client: expectClient(options.client),
      isOurs: false,
      database: named(options.database),
    };
  }
  const made = options as MongodbUrlOptions;
  refuseUnknown(made, { ...COMMON, ...MADE }, 'mongodb', invalid);
  const { url, told } = readUrl(made.url);
  refuseTwice('mongodb', told, made);
  const given = { ...made, ...told };
  const common = commonOf(given);
  const connectTimeoutMs = timeOption('mongodb', given.connectTimeout ?? '5s', 'connectTimeout');
  const client = clientOf(url, {
    // Who may have one is decided before; connections that are on their way out are not counted.
    maxPoolSize: 0,
    minPoolSize: wholeOption('mongodb', given.min ?? 0, 'min', 0),
    maxIdleTimeMS: timeOption('mongodb', given.idleTimeout ?? '1m', 'idleTimeout'),
    connectTimeoutMS: connectTimeoutMs,
    serverSelectionTimeoutMS: connectTimeoutMs,
  });
  expectSafe(client);
  return { ...common, client, isOurs: true, database: named(given.database ?? databaseOf(url)) };
}

function commonOf(options: MongodbCommonOptions): Omit<Settings, 'client' | 'isOurs' | 'database'> {
  const { transactions = true, decimals = 'decimal128' } = options;
  if (typeof transactions !== 'boolean') throw invalid('mongodb: transactions must be true or false.');
  if (decimals !== 'decimal128' && decimals !== 'text') {
    throw invalid("mongodb: decimals must be 'decimal128' or 'text'.");
  }
  return {
    transactions,
    decimals,
    max: wholeOption('mongodb', options.max ?? 10, 'max', 1),
    ...acquireSettings('mongodb', options),
  };
}

const URL_PARTS = /^(mongodb(?:\+srv)?:\/\/[^/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/i;

/** The URL without what is ours, and that as options. */
function readUrl(text: string): { url: string; told: Partial<MongodbUrlOptions> } {
  const match = URL_PARTS.exec(String(text));
  if (match === null)
    throw invalid('mongodb: url must be like mongodb://host:27017/database or mongodb+srv://host/database.');
  const [, start = '', path = '', query = ''] = match;
  const parameters = new URLSearchParams(query);
  const told: Record<string, unknown> = {};
  for (const [option, parameter] of Object.entries(IN_URLS)) {
    const value = parameters.get(parameter);
    if (value === null) continue;
    parameters.delete(parameter);
    told[option] = parameter === 'decimals' ? value : parameter === 'transactions' ? truthIn(value) : Number(value);
  }
  const rest = parameters.size === 0 ? '' : `?${parameters.toString()}`;
  return { url: `${start}/${path}${rest}`, told };
}

function databaseOf(url: string): string | undefined {
  const path = URL_PARTS.exec(url)?.[2];
  return path === undefined || path === '' ? undefined : decodeURIComponent(path);
}

/** https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions */
function named(database: unknown): string {
  if (typeof database === 'string' && /^[^/\\. "$*<>:|?\0]{1,63}$/.test(database)) return database;
  throw invalid(
    'mongodb: the name of the database is missing or not right; it goes at the end of the URL, or is an option.',
  );
}

function clientOf(url: string, options: MongoClientOptions): MongoClient {
  try {
    return new MongoClient(url, options);
  } catch (error) {
    // Other messages of the library repeat values.
    const unknown = /^options? [\w, ]+ (?:is|are) not supported$/.exec((error as Error).message)?.[0];
    throw invalid(`mongodb: the URL is not right${unknown === undefined ? '' : `: ${unknown}`}.`);
  }
}

/** What would make a call that resolved untrue, or read what is not there any more. */
function expectSafe({ options: { writeConcern, readPreference } }: MongoClient): void {
  if (writeConcern?.w === 0) throw invalid('mongodb: w=0 answers before anything is stored; leave it out.');
  if (readPreference.mode === 'primary') return;
  throw invalid('mongodb: reads go to the primary, which has what was written before; leave readPreference out.');
}

function expectClient(client: unknown): MongoClient {
  const { connect, db, startSession } = (client ?? {}) as Partial<MongoClient>;
  if ([connect, db, startSession].every((method) => typeof method === 'function')) {
    expectSafe(client as MongoClient);
    return client as MongoClient;
  }
  throw invalid('mongodb needs a url or a client; client must be a MongoClient.');
}
