import type { Awaitable, Condition, DatabaseDriver, Order, Row } from './driver.ts';
import type { Entity, EntityModel } from './entity.ts';
import { databaseErrors } from './errors.ts';
import { and, equals, parseFilter, parseSort } from './internal/conditions.ts';
import { decodeCursor, encodeCursor, reversed, rowsAfter } from './internal/cursor.ts';
import type { Operation, Work } from './internal/engine.ts';
import { invalidQuery, invalidValue, pointer } from './internal/problems.ts';
import { isStorableText } from './internal/values.ts';
import { changeOf, completeRow, isEmptyChange, replacement, touched } from './internal/writes.ts';
import type { CallOptions } from './options.ts';
import type {
  DeleteOptions,
  Filter,
  FindOptions,
  Patch,
  ReadOptions,
  StreamOptions,
  UpdateOptions,
  Window,
  WindowOptions,
} from './query.ts';

/** Rows that go to the driver at once: between batches others get their turn, where the driver works on this thread. */
const INSERT_BATCH = 500;

/** What a repository stands on. @internal */
export interface RepositoryHost {
  readonly driver: DatabaseDriver;
  readonly cursorSecret: string;
  run<R>(operation: Operation, options: CallOptions | undefined, work: Work<R>): Promise<R>;
  transaction<R>(body: () => Promise<R>, options: CallOptions | undefined): Promise<R>;
}

/**
 * The rows of one entity; made by `db.repo(entity)`. Every call joins the transaction around it.
 *
 * Beside what a method lists, each can throw `database.timeout`, `database.unavailable`, `database.query_failed` and,
 * before anything is sent, `database.invalid_query` or `database.invalid_value`. Aborting rejects with the signal's
 * reason.
 */
export class Repository<T extends { id: string }, New = unknown> {
  readonly entity: Entity<T, New>;
  readonly #host: RepositoryHost;

  /** @internal Use `db.repo(entity)`. */
  constructor(entity: Entity<T, New>, host: RepositoryHost) {
    this.entity = entity;
    this.#host = host;
  }

  /** The row with this id, or null. */
  async get(id: string, options?: ReadOptions): Promise<T | null> {
    // No row can have an id that can not be stored; a lookup with one is a miss, not a fault.
    if (!isStorableText(this.#text(id))) return null;
    const where = and([equals('id', id), this.#alive(options)]);
    const [row] = await this.#read('get', { where, order: [], limit: 1 }, options);
    return row ?? null;
  }

  /**
   * All rows that match, in order.
   *
   * ```ts no-run
   * await users.find({ where: { email: { endsWith: '@example.org' } }, sort: [['createdAt', 'desc']], limit: 20 });
   * ```
   */
  async find(options: FindOptions<T> = {}): Promise<T[]> {
    const { limit, offset } = options;
    this.#whole('limit', limit, 0);
    this.#whole('offset', offset, 0);
    if (limit === 0) return [];
    return this.#read(
      'find',
      { where: this.#where(options), order: this.#order(options.sort), limit, offset },
      options,
    );
  }

  /**
   * One page of the rows that match, and cursors for its neighbours. Rows that come or go in between neither shift a
   * page nor repeat in the next one; each page costs the same, however far in, if there is an index on the sorted
   * fields and `id`.
   *
   * @throws `database.invalid_cursor` for a cursor that was changed, or that belongs to another entity or sort
   */
  async window(options: WindowOptions<T>): Promise<Window<T>> {
    const { size, after = null, before = null } = options;
    const { entity } = this;
    this.#whole('size', size ?? Number.NaN, 1);
    if (after !== null && before !== null) {
      throw invalidQuery(entity.name, ['before'], 'conflict', 'can not be combined with after');
    }
    const order = this.#order(options.sort);
    const backward = before !== null;
    const direction = backward ? reversed(order) : order;
    const parts = [this.#where(options)];
    const cursor = after ?? before;
    if (cursor !== null) {
      const values = decodeCursor(entity, order, cursor, this.#host.cursorSecret);
      parts.push(rowsAfter(entity, direction, values));
    }
    // One more than asked for tells whether there is a next one.
    const found = await this.#read('window', { where: and(parts), order: direction, limit: size + 1 }, options);
    const more = found.length > size;
    const items = found.slice(0, size);
    if (backward) items.reverse();
    const [first, last] = [items[0], items.at(-1)];
    return {
      items,
      next: (backward || more) && last !== undefined ? this.#cursor(order, last) : null,
      prev: (backward ? more : cursor !== null) && first !== undefined ? this.#cursor(order, first) : null,
    };
  }

  /**
   * All rows that match, in order, a batch at a time. Each batch is a query of its own, after the last row of the one
   * before: no connection is held while your code runs, so the loop may write. A row that is changed meanwhile is seen
   * as it is when its batch is read. Sort by what has an index.
   *
   * ```ts no-run
   * for await (const user of users.stream({ where: { verifiedAt: null } })) await remind(user);
   * ```
   */
  async *stream(options: StreamOptions<T> = {}): AsyncGenerator<T, void, undefined> {
    const { batchSize = 500 } = options;
    this.#whole('batchSize', batchSize, 1);
    const where = this.#where(options);
    const order = this.#order(options.sort);
    let after: Condition = { op: 'all' };
    for (;;) {
      const rows = await this.#read('stream', { where: and([where, after]), order, limit: batchSize }, options);
      yield* rows;
      const last = rows.at(-1) as Row | undefined;
      if (last === undefined || rows.length < batchSize) return;
      after = rowsAfter(
        this.entity,
        order,
        order.map(({ field }) => last[field]),
      );
    }
  }

  /** How many rows match. */
  async count(where?: Filter<T>, options?: ReadOptions): Promise<number> {
    const condition = this.#where({ ...options, where });
    return this.#run('count', 'read', options, (driver, entity, session, context) =>
      driver.count(session, entity, condition, context),
    );
  }

  /**
   * Stores a new row and answers it as stored. An `id` that is not given becomes a UUID version 7; times and version
   * are filled in; what may be null and is not given is null.
   *
   * @throws `database.unique_violation`, `database.foreign_key_violation`, ...
   */
  async insert(row: New, options?: CallOptions): Promise<T> {
    const complete = completeRow(this.entity, row, new Date());
    await this.#insert('insert', [complete], options);
    return complete as unknown as T;
  }

  /** Stores new rows, all or none, and answers their ids in the same order. */
  async insertMany(rows: readonly New[], options?: CallOptions): Promise<string[]> {
    const now = new Date();
    const complete = rows.map((row, index) => completeRow(this.entity, row, now, [index]));
    const insert = async (): Promise<void> => {
      for (let start = 0; start < complete.length; start += INSERT_BATCH) {
        await this.#insert('insertMany', complete.slice(start, start + INSERT_BATCH), options);
      }
    };
    if (complete.length > 1 && this.#host.driver.features.transactions) await this.#host.transaction(insert, options);
    else await insert();
    return complete.map(({ id }) => id as string);
  }

  /**
   * Changes one row and answers it as stored.
   *
   * ```ts no-run
   * await users.update(id, { set: { name: 'Ann' }, inc: { logins: 1 } }, { version: seen.version });
   * ```
   *
   * @throws `database.not_found`; `database.version_conflict` when it has another version than `options.version`
   */
  async update(id: string, patch: Patch<T>, options?: UpdateOptions): Promise<T> {
    const change = changeOf(this.entity, patch, new Date(), this.#host.driver.features.decimalOrder);
    if (!isStorableText(this.#text(id))) throw this.#notFound();
    const where = and([equals('id', id), this.#alive(options)]);
    const guarded = and([where, this.#version(options?.version)]);
    if (isEmptyChange(change)) {
      const [row] = await this.#read('update', { where: guarded, order: [], limit: 1 }, options);
      if (row !== undefined) return row;
      throw this.#notFound();
    }
    const row = await this.#run('update', 'write', options, (driver, entity, session, context) =>
      driver.updateOne(session, entity, guarded, change, context),
    );
    if (row !== undefined) return row as unknown as T;
    throw (await this.#isThere(where, options)) ? this.#conflict() : this.#notFound();
  }

  /**
   * Changes all rows that match, in one statement, and answers how many matched. With a condition on what a field is
   * now, this is compare and set.
   *
   * @throws `database.invalid_query` for a filter that matches everything; say `{ id: { ne: null } }` if you mean it
   */
  async updateMany(where: Filter<T>, patch: Patch<T>, options?: ReadOptions): Promise<{ matched: number }> {
    const change = changeOf(this.entity, patch, new Date(), this.#host.driver.features.decimalOrder);
    const condition = and([this.#some(where), this.#alive(options)]);
    if (isEmptyChange(change)) return { matched: await this.count(where, options) };
    return this.#run('updateMany', 'write', options, (driver, entity, session, context) =>
      driver.update(session, entity, condition, change, context),
    );
  }

  /**
   * Stores `create`, or changes the row that has the same `key`: by `patch`, or without one by the values of `create`.
   * Answers it as stored. Atomic: of concurrent calls one inserts and the others update. A soft-deleted row comes back
   * to life.
   *
   * @param key `['id']`, or one of the unique keys of the entity
   */
  async upsert<K extends keyof T & string>(
    key: readonly K[],
    create: New,
    patch?: Patch<T>,
    options?: CallOptions,
  ): Promise<T> {
    const { entity } = this;
    const { features } = this.#host.driver;
    const now = new Date();
    this.#expectKey(key);
    const row = completeRow(entity, create, now);
    const absent = key.filter((name) => row[name] === null || (create as Row)[name] === undefined);
    if (absent.length > 0) {
      const detail = 'is part of the key of the upsert, so it must have a value';
      throw invalidValue(
        entity.name,
        absent.map((name) => ({ pointer: pointer(name), code: 'required', detail })),
      );
    }
    const changed = patch ? changeOf(entity, patch, now, features.decimalOrder) : replacement(entity, key, row, now);
    const revived = entity.deletedAt === undefined ? {} : { [entity.deletedAt]: null };
    const set = { ...revived, ...changed.set };
    const [keyField] = key as readonly [K];
    const change = isEmptyChange({ set, add: changed.add })
      ? { set: { [keyField]: row[keyField] }, add: {} }
      : { set, add: changed.add };
    const stored = await this.#run('upsert', 'write', options, (driver, erased, session, context) =>
      driver.upsert(session, erased, key, row, change, context),
    );
    return stored as unknown as T;
  }

  /**
   * Deletes one row and answers whether there was one. With `deletedAt` in the entity the row stays and is marked.
   *
   * @throws `database.version_conflict` when it has another version than `options.version`
   */
  async delete(id: string, options?: DeleteOptions): Promise<boolean> {
    if (!isStorableText(this.#text(id))) return false;
    const where = and([equals('id', id), this.#alive({ withDeleted: options?.hard })]);
    const { matched } = await this.#remove('delete', and([where, this.#version(options?.version)]), options);
    if (matched > 0) return true;
    if (options?.version !== undefined && (await this.#isThere(where, options))) throw this.#conflict();
    return false;
  }

  /**
   * Deletes all rows that match and answers how many there were.
   *
   * @throws `database.invalid_query` for a filter that matches everything; say `{ id: { ne: null } }` if you mean it
   */
  async deleteMany(where: Filter<T>, options?: Omit<DeleteOptions, 'version'>): Promise<{ matched: number }> {
    const alive = this.#alive({ withDeleted: options?.hard });
    return this.#remove('deleteMany', and([this.#some(where), alive]), options);
  }

  #remove(operation: string, where: Condition, options: DeleteOptions | undefined): Promise<{ matched: number }> {
    const { deletedAt } = this.entity;
    if (deletedAt === undefined || options?.hard === true) {
      return this.#run(operation, 'write', options, (driver, entity, session, context) =>
        driver.delete(session, entity, where, context),
      );
    }
    const now = new Date();
    const change = touched(this.entity, { set: { [deletedAt]: now }, add: {} }, now);
    return this.#run(operation, 'write', options, (driver, entity, session, context) =>
      driver.update(session, entity, where, change, context),
    );
  }

  #insert(operation: string, rows: readonly Row[], options: CallOptions | undefined): Promise<void> {
    return this.#run(operation, 'write', options, (driver, entity, session, context) =>
      driver.insert(session, entity, rows, context),
    );
  }

  #read(
    operation: string,
    query: { where: Condition; order: Order; limit?: number | undefined; offset?: number | undefined },
    options: CallOptions | undefined,
  ): Promise<T[]> {
    // Known to be empty: no reason to ask. What a caller would otherwise learn (that the database is down) it learns
    // from the next call.
    if (query.where.op === 'none') return Promise.resolve([]);
    return this.#run(
      operation,
      'read',
      options,
      (driver, entity, session, context) =>
        driver.find(session, entity, query, context) as Awaitable<unknown[]> as Awaitable<T[]>,
    );
  }

  #run<R>(
    operation: string,
    use: 'read' | 'write',
    options: CallOptions | undefined,
    work: (driver: DatabaseDriver, entity: EntityModel, ...rest: Parameters<Work<R>>) => ReturnType<Work<R>>,
  ): Promise<R> {
    const { driver } = this.#host;
    const entity: EntityModel = this.entity;
    return this.#host.run({ operation, entity: entity.name, use }, options, (session, context) =>
      work(driver, entity, session, context),
    );
  }

  #where(options: ReadOptions & { readonly where?: Filter<T> | undefined }): Condition {
    const filter = parseFilter(this.entity, options.where, this.#host.driver.features);
    return and([filter, this.#alive(options)]);
  }

  /** A filter for many rows, which must not be all of them by accident. */
  #some(where: Filter<T>): Condition {
    const condition = parseFilter(this.entity, where ?? null, this.#host.driver.features);
    if (condition.op !== 'all') return condition;
    throw invalidQuery(
      this.entity.name,
      ['where'],
      'matches_everything',
      'matches every row; say { id: { ne: null } } if that is what you mean',
    );
  }

  #alive(options: ReadOptions | undefined): Condition {
    const { deletedAt } = this.entity;
    return deletedAt === undefined || options?.withDeleted === true ? { op: 'all' } : { op: 'null', field: deletedAt };
  }

  #version(version: number | undefined): Condition {
    if (version === undefined) return { op: 'all' };
    if (this.entity.version === undefined) {
      throw invalidQuery(this.entity.name, ['version'], 'no_version', 'needs an entity with a version field');
    }
    this.#whole('version', version, 0);
    return equals(this.entity.version, version);
  }

  #order(sort: WindowOptions<T>['sort']): Order {
    return parseSort(this.entity, sort, this.#host.driver.features);
  }

  #cursor(order: Order, row: T): string {
    return encodeCursor(this.entity, order, row, this.#host.cursorSecret);
  }

  #isThere(where: Condition, options: CallOptions | undefined): Promise<boolean> {
    return this.#run('exists', 'read', options, async (driver, entity, session, context) => {
      const rows = await driver.find(session, entity, { where, order: [], limit: 1 }, context);
      return rows.length > 0;
    });
  }

  #expectKey(key: readonly string[]): void {
    const { entity } = this;
    const isSame = (other: readonly string[]): boolean =>
      other.length === key.length && other.every((name) => key.includes(name));
    const isId = isSame(['id']);
    if (!isId && !entity.unique.some(isSame)) {
      throw invalidQuery(entity.name, ['key'], 'no_key', "must be ['id'] or one of the unique keys of the entity");
    }
    if (!this.#host.driver.features.exactUpsert && entity.unique.length > (isId ? 0 : 1)) {
      throw databaseErrors.unsupported(
        `${entity.name}.upsert: ${this.#host.driver.name} may take another unique key for the one that is meant, so it can not upsert an entity with several.`,
      );
    }
  }

  #text(id: unknown): string {
    if (typeof id !== 'string') throw invalidQuery(this.entity.name, ['id'], 'invalid_type', 'must be a string');
    return id;
  }

  #whole(name: string, value: number | undefined, least: number): void {
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
    throw invalidQuery(this.entity.name, [name], 'invalid_type', `must be a whole number, ${least} or more`);
  }

  #notFound(): Error {
    const { name } = this.entity;
    return databaseErrors.not_found(`${name}: no row has this id.`, { details: { entity: name } });
  }

  #conflict(): Error {
    const { name } = this.entity;
    return databaseErrors.version_conflict(`${name}: the row was changed in the meantime. Read it again.`, {
      details: { entity: name },
    });
  }
}
