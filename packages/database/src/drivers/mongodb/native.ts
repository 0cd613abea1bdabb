import type {
  AggregateOptions,
  ClientSession,
  Collection,
  Db,
  Document,
  Filter,
  FindOptions,
  IndexOptions,
  IndexSpecification,
  MongoClient,
  WithId,
} from 'mongodb';
import type { DriverCall, NativeRunner } from '../../driver.ts';
import { lentSession } from './lent-session.ts';
import { emptyAnswers, METHODS, type MethodName } from './methods.ts';
import type { CommandOptions, Session } from './session.ts';
import { fullText, statementOf } from './statement.ts';

/** Documents that are read as they are asked for, a batch of the server's at a time. */
export interface MongodbCursor<T> extends AsyncIterable<T> {
  toArray(): Promise<T[]>;
}

/** A collection whose calls join the transaction around them. What it lacks, {@link MongodbNative.run} does. */
export interface MongodbCollection<T extends Document = Document>
  extends Pick<Collection<T>, Exclude<MethodName, 'createIndex'>> {
  createIndex(keys: IndexSpecification, options?: IndexOptions): Promise<string>;
  /** With `sort`, `limit`, `skip` and `projection` as options. */
  find(filter?: Filter<T>, options?: FindOptions): MongodbCursor<WithId<T>>;
  aggregate<R extends Document = Document>(pipeline: Document[], options?: AggregateOptions): MongodbCursor<R>;
}

/** What {@link MongodbNative.run} hands out. */
export interface MongodbSession extends CommandOptions {
  readonly db: Db;
  /**
   * The transaction around the call, if there is one; to be handed to each call of the library. Its methods that would
   * end it or begin another one throw `database.unsupported`.
   */
  readonly session?: ClientSession;
}

/** What `db.native` is on MongoDB. Integers of 64 bits come as bigint, other integers as numbers. */
export interface MongodbNative {
  /** The library's client. What is called through it alone joins no transaction. */
  readonly client: MongoClient;
  /** The library's database, for names and reading; as with `client`, its calls join no transaction by themselves. */
  readonly db: Db;
  /** A collection whose calls join the transaction around them. */
  collection<T extends Document = Document>(name: string): MongodbCollection<T>;
  /** A command of the database that joins the transaction around it: `command({ collMod: 'users', validator })`. */
  command(command: Document): Promise<Document>;
  /**
   * Anything else of the library. Hand `session` and `signal` to each call, and make one at a time:
   *
   * ```ts no-run
   * import type { Database } from '@ent/database';
   * import type { MongodbNative } from '@ent/database/mongodb';
   *
   * declare const db: Database<MongodbNative>;
   * await db.native.run(({ db: real, session, signal }) =>
   *   real.collection('users').findOne({ name: 'Ann' }, { session, signal, collation: { locale: 'en', strength: 1 } }),
   * );
   * ```
   */
  run<R>(work: (session: MongodbSession) => Promise<R>): Promise<R>;
}

/** Runs a call of the application's own, or notes it down. */
interface Runner {
  call<R>(
    use: 'read' | 'write',
    statement: () => string,
    work: (session: Session, call: DriverCall) => Promise<R>,
    empty: R,
    signal?: AbortSignal,
  ): Promise<R>;
}

/** The native client, each call of which goes through `run`. */
export function nativeOf(client: MongoClient, db: () => Db, run: NativeRunner<Session>): MongodbNative {
  return nativeBy(client, db, {
    call: (use, statement, work, _empty, signal) =>
      run(
        use,
        (session, call) => {
          call.onStatement?.(statement());
          return work(session, call);
        },
        signal,
      ),
  });
}

/** One that notes down what it would send, and sends nothing. */
export function recorderOf(client: MongoClient, db: () => Db, note: (statement: string) => void): MongodbNative {
  return nativeBy(client, db, {
    async call(_use, statement, _work, empty) {
      note(statement());
      return empty;
    },
  });
}

function nativeBy(client: MongoClient, db: () => Db, runner: Runner): MongodbNative {
  return {
    client,
    get db() {
      return db();
    },
    collection: <T extends Document>(name: string) => collectionOf<T>(name, runner),
    command: (command) =>
      runner.call<Document>(
        'write',
        () => `command ${fullText(command)}`,
        (session, call) => session.command(command, call),
        { ok: 1 },
      ),
    run: (work) =>
      runner.call(
        'write',
        () => 'run',
        (session, call) => work(lentTo(session, call)),
        undefined as never,
      ),
  };
}

function lentTo(own: Session, call: DriverCall): MongodbSession {
  const { session, ...options } = own.with(call);
  return { db: own.db, ...options, ...(session !== undefined && { session: lentSession(session) }) };
}

type AnyMethod = (...parameters: unknown[]) => Promise<unknown>;
type WithSignal = { readonly signal?: AbortSignal } | undefined;

function collectionOf<T extends Document>(name: string, runner: Runner): MongodbCollection<T> {
  const methods = Object.entries(METHODS).map(([method, { use, options: index, isSchema }]) => {
    const bound: AnyMethod = (...given) => {
      const parameters = Array.from({ length: index }, (_, position) => given[position]);
      const options = given[index] as WithSignal;
      const statement = (): string => {
        if (!isSchema) return statementOf(name, method, parameters);
        return [`${name}.${method}`, ...given.map(fullText)].join(' ');
      };
      return runner.call<unknown>(
        use,
        statement,
        (session, call) => {
          const collection = session.collection(name) as unknown as Record<string, AnyMethod>;
          return (collection[method] as AnyMethod).call(collection, ...parameters, {
            ...options,
            ...session.with(call),
          });
        },
        emptyAnswers[method as MethodName](given),
        options?.signal,
      );
    };
    return [method, bound] as const;
  });
  return {
    ...(Object.fromEntries(methods) as unknown as Pick<Collection<T>, MethodName>),
    find: (filter = {}, options) =>
      cursorOf(
        runner,
        'read',
        () => statementOf(name, 'find', [filter]),
        options,
        (session, bound) => (session.collection(name) as unknown as Collection<T>).find(filter, bound),
      ),
    aggregate: (pipeline, options) =>
      cursorOf(
        runner,
        pipeline.some((stage) => '$out' in stage || '$merge' in stage) ? 'write' : 'read',
        () => statementOf(name, 'aggregate', [pipeline]),
        options,
        (session, bound) => session.collection(name).aggregate(pipeline, bound),
      ),
  };
}

/** The parts of the library's cursors that are used here. */
interface Cursor<T> {
  toArray(): Promise<T[]>;
  hasNext(): Promise<boolean>;
  readBufferedDocuments(): T[];
  close(): Promise<void>;
}

function cursorOf<T>(
  runner: Runner,
  use: 'read' | 'write',
  statement: () => string,
  options: (FindOptions & WithSignal) | (AggregateOptions & WithSignal) | undefined,
  open: (session: Session, options: CommandOptions) => Cursor<T>,
): MongodbCursor<T> {
  return {
    toArray: () =>
      runner.call<T[]>(
        use,
        statement,
        (session, call) => open(session, { ...options, ...session.with(call) }).toArray(),
        [],
        options?.signal,
      ),
    async *[Symbol.asyncIterator]() {
      let cursor: Cursor<T> | undefined;
      // A batch at a time, so that the transaction is free for other calls between them.
      const next = (): Promise<T[]> =>
        runner.call<T[]>(
          use,
          statement,
          async (session, call) => {
            cursor ??= open(session, { ...options, ...session.with(call), signal: neverAborted });
            return (await cursor.hasNext()) ? cursor.readBufferedDocuments() : [];
          },
          [],
          options?.signal,
        );
      try {
        for (let batch = await next(); batch.length > 0; batch = await next()) yield* batch;
      } finally {
        await cursor?.close();
      }
    },
  };
}

/** A cursor outlives the call that opened it. */
const neverAborted = new AbortController().signal;
