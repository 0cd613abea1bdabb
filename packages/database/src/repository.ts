import type { Aggregated, AggregateOptions, Aggregates, GroupKey, GroupOptions } from './aggregates.ts';
import type { Awaitable, Condition, DatabaseDriver, DatabaseFeatures, DriverQuery, Row } from './driver.ts';
import type { Entity, EntityModel, IdOf } from './entity.ts';
import { databaseErrors } from './errors.ts';
import { parseAggregate } from './internal/aggregates.ts';
import { and, parseFilter, parseSelect, parseSort } from './internal/conditions.ts';
import { alive, expectKey, expectWhole, ofVersion, some, withId } from './internal/criteria.ts';
import type { Host } from './internal/host.ts';
import { expectOptions } from './internal/known-options.ts';
import type { Work } from './internal/operation.ts';
import { timeFor } from './internal/native-values.ts';
import { type Paging, pageOf, streamOf } from './internal/pages.ts';
import { invalidValue, pointer } from './internal/problems.ts';
import { changeOf, completeRow, isEmptyChange, replacement, touched } from './internal/writes.ts';
import type { CallOptions } from './options.ts';
import type {
  CountOptions,
  DeleteManyOptions,
  DeleteOptions,
  Filter,
  FindOptions,
  GetOptions,
  Patch,
  ReadOptions,
  StreamOptions,
  UpdateManyOptions,
  UpdateOptions,
  Window,
  WindowOptions,
} from './query.ts';

/** Rows that go to the driver at once: between batches others get their turn, where the driver works on this thread. */
const INSERT_BATCH = 500;

/**
 * The rows of one entity; made by `db.repo(entity)`. Every call joins the transaction around it. The last argument of a
 * method is its options, and a filter is its option `where`.
 *
 * Beside what a method lists, each can throw `database.timeout`, `database.unavailable`, `database.query_failed` and,
 * before anything is sent, `database.invalid_query` or `database.invalid_value`. Aborting rejects with the signal's
 * reason.
 */
export class Repository<T extends object, New = unknown, Key extends keyof T & string = keyof T & 'id'> {
  readonly entity: Entity<T, New, Key>;
  readonly #host: Host;

  /** @internal Use `db.repo(entity)`. */
  constructor(entity: Entity<T, New, Key>, host: Host) {
    this.entity = entity;
    this.#host = host;
    if (entity.generated.length > 0 && !host.driver.features.generatedFields) {
      throw databaseErrors.unsupported(
        `${entity.name}: ${host.driver.name} fills in no fields, so "${entity.generated[0]}" cannot be generated.`,
      );
    }
  }

  /** The row with this id, or null. The id of a composite key is an object: `get({ film: 1, actor: 2 })`. */
  async get<Selected extends keyof T & string = keyof T & string>(
    id: IdOf<T, Key>,
    options?: GetOptions<Selected>,
  ): Promise<Pick<T, Selected> | null> {
    if (options !== undefined) expectOptions(this.entity, 'get', options);
    const byId = withId(this.entity, id);
    if (byId === undefined) return null;
    const { deletedAt } = this.entity;
    const where = deletedAt === undefined ? byId : and([byId, alive(this.entity, options?.withDeleted)]);
    const fields = options === undefined ? undefined : parseSelect(this.entity, options.select);
    const found = this.#read('get', { where, order: [], limit: 1, fields }, options);
    const rows = found instanceof Promise ? await found : found;
    return rows[0] ?? null;
  }

  /**
   * All rows that match, in order.
   *
   * ```ts no-run
   * await users.find({ where: { email: { endsWith: '@example.org' } }, sort: [['createdAt', 'desc']], limit: 20 });
   * ```
   */
  async find<Selected extends keyof T & string = keyof T & string>(
    options: FindOptions<T, Selected> = {},
  ): Promise<Pick<T, Selected>[]> {
    expectOptions(this.entity, 'find', options);
    const { limit, offset } = options;
    expectWhole(this.entity, 'limit', limit, 0);
    expectWhole(this.entity, 'offset', offset, 0);
    const fields = parseSelect(this.entity, options.select);
    if (limit === 0) return [];
    const order = parseSort(this.entity, options.sort, this.#rules);
    return this.#read('find', { where: this.#where(options), order, limit, offset, fields }, options);
  }

  /**
   * One page of the rows that match, and cursors for its neighbours. Rows that come or go in between neither shift a
   * page nor repeat in the next one; each page costs the same, however far in, if there is an index on the sorted
   * fields and the id.
   *
   * @throws `database.invalid_cursor` for a cursor that was changed, or that belongs to another entity or sort
   */
  async window<Selected extends keyof T & string = keyof T & string>(
    options: WindowOptions<T, Selected>,
  ): Promise<Window<Pick<T, Selected>>> {
    expectOptions(this.entity, 'window', options);
    return pageOf(this.#paging('window', options), options, this.#host.cursorSecret);
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
  async *stream<Selected extends keyof T & string = keyof T & string>(
    options: StreamOptions<T, Selected> = {},
  ): AsyncGenerator<Pick<T, Selected>, void, undefined> {
    expectOptions(this.entity, 'stream', options);
    yield* streamOf(this.#paging('stream', options), options.batchSize ?? 500);
  }

  /** How many rows match. */
  async count(options: CountOptions<T> = {}): Promise<number> {
    expectOptions(this.entity, 'count', options);
    return this.#count(this.#where(options), options);
  }

  /** Whether a row matches. */
  async exists(options: CountOptions<T> = {}): Promise<boolean> {
    expectOptions(this.entity, 'exists', options);
    const where = this.#where(options);
    return where.op !== 'none' && this.#isThere(where, options);
  }

  /**
   * Counts, sums, averages, the least and the greatest over the rows that match; with `by` of each group.
   *
   * ```ts no-run
   * const { orders, total } = await repo.aggregate({ values: { orders: 'count', total: { sum: 'price' } } });
   * const byState = await repo.aggregate({ by: ['state'], values: { last: { max: 'createdAt' } } });
   * ```
   *
   * @throws `database.bad_data` for a sum that does not fit its field
   */
  async aggregate<const A extends Aggregates<T>, const By extends GroupKey<T>>(
    options: GroupOptions<T, A, By>,
  ): Promise<(Pick<T, By> & Aggregated<T, A>)[]>;
  async aggregate<const A extends Aggregates<T>>(options: AggregateOptions<T, A>): Promise<Aggregated<T, A>>;
  async aggregate(options: AggregateOptions<T, Aggregates<T>> & { readonly by?: readonly string[] }): Promise<unknown> {
    expectOptions(this.entity, 'aggregate', options);
    const plan = parseAggregate(this.entity, options, this.#rules);
    const where = this.#where(options);
    const groups = await this.#run('aggregate', 'read', options, (driver, entity, session, call) =>
      driver.aggregate(session, entity, { ...plan.query, where }, call),
    );
    const answers = groups.map((group) => plan.answer(group));
    return options.by === undefined ? answers[0] : answers;
  }

  #count(condition: Condition, options: CallOptions): Awaitable<number> {
    return this.#run('count', 'read', options, (driver, entity, session, call) =>
      driver.count(session, entity, condition, call),
    );
  }

  /**
   * Stores a new row and answers it as stored. An id of text that is not given becomes a UUID version 7; times and
   * version are filled in; what the database fills in is read back; what may be null and is not given is null.
   *
   * @throws `database.unique_violation`, `database.foreign_key_violation`, ...
   */
  async insert(row: New, options?: CallOptions): Promise<T> {
    if (options !== undefined) expectOptions(this.entity, 'insert', options);
    const complete = completeRow(this.entity, row, new Date());
    const inserted = this.#insert('insert', [complete], options);
    const stored = inserted instanceof Promise ? await inserted : inserted;
    return (stored?.[0] ?? complete) as unknown as T;
  }

  /** Stores new rows, all or none, and answers their ids in the same order. */
  async insertMany(rows: readonly New[], options?: CallOptions): Promise<IdOf<T, Key>[]> {
    if (options !== undefined) expectOptions(this.entity, 'insertMany', options);
    if (!Array.isArray(rows)) {
      const detail = 'must be a list of rows';
      throw invalidValue(this.entity.name, [{ pointer: pointer(), code: 'invalid_type', detail }]);
    }
    const now = new Date();
    const complete = (rows as readonly New[]).map((row, index) => completeRow(this.entity, row, now, [index]));
    const insert = async (): Promise<Row[]> => {
      const inserted: Row[] = [];
      for (let start = 0; start < complete.length; start += INSERT_BATCH) {
        const batch = complete.slice(start, start + INSERT_BATCH);
        inserted.push(...((await this.#insert('insertMany', batch, options)) ?? batch));
      }
      return inserted;
    };
    const isOne = complete.length <= 1 || !this.#rules.transactions;
    const inserted = await (isOne ? insert() : this.#host.transaction(options ?? {}, insert));
    const [name] = this.entity.id as readonly [string];
    const idOf = (row: Row): unknown =>
      this.entity.id.length === 1 ? row[name] : Object.fromEntries(this.entity.id.map((part) => [part, row[part]]));
    return inserted.map(idOf) as IdOf<T, Key>[];
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
  async update(id: IdOf<T, Key>, patch: Patch<T, Key>, options?: UpdateOptions): Promise<T> {
    if (options !== undefined) expectOptions(this.entity, 'update', options);
    const change = changeOf(this.entity, patch, new Date(), this.#rules.decimalOrder);
    const byId = withId(this.entity, id);
    if (byId === undefined) throw this.#notFound();
    const where = and([byId, alive(this.entity, options?.withDeleted)]);
    const guarded = and([where, ofVersion(this.entity, options?.version)]);
    if (isEmptyChange(change)) {
      const [row] = await this.#read('update', { where: guarded, order: [], limit: 1 }, options);
      if (row !== undefined) return row;
      throw this.#notFound();
    }
    const row = await this.#run('update', 'write', options, (driver, entity, session, call) =>
      driver.updateOne(session, entity, guarded, change, call),
    );
    if (row !== undefined) return row as unknown as T;
    throw (await this.#isThere(where, options)) ? this.#conflict() : this.#notFound();
  }

  /**
   * Changes all rows that match, in one statement, and answers how many matched. With a condition on what a field is
   * now, this is compare and set.
   *
   * ```ts no-run
   * await jobs.updateMany({ set: { state: 'taken' } }, { where: { id, state: 'open' } });
   * ```
   *
   * @throws `database.invalid_query` without a filter, or for one that matches everything; say `{ id: { ne: null } }`
   *   if you mean it
   */
  async updateMany(patch: Patch<T, Key>, options: UpdateManyOptions<T>): Promise<{ matched: number }> {
    const condition = this.#some('updateMany', options, options?.withDeleted);
    const change = changeOf(this.entity, patch, new Date(), this.#rules.decimalOrder);
    if (isEmptyChange(change)) return { matched: await this.#count(condition, options) };
    return this.#run('updateMany', 'write', options, (driver, entity, session, call) =>
      driver.update(session, entity, condition, change, call),
    );
  }

  /**
   * Stores `create`, or changes the row that has the same `key`: by `patch`, or without one by the values of `create`.
   * Answers it as stored. Atomic: of concurrent calls one inserts and the others update. A row that is soft-deleted
   * counts as absent: `create` takes its place, and nothing of it lives on.
   *
   * @param key the fields of the id, or one of the unique keys of the entity
   */
  async upsert<K extends keyof T & string>(
    key: readonly K[],
    create: New,
    patch?: Patch<T, Key>,
    options?: CallOptions,
  ): Promise<T> {
    const { entity } = this;
    if (options !== undefined) expectOptions(entity, 'upsert', options);
    const now = new Date();
    expectKey(entity, key, this.#host.driver);
    const row = completeRow(entity, create, now);
    const absent = key.filter((name) => row[name] === null || (create as Row)[name] === undefined);
    if (absent.length > 0) {
      const detail = 'is part of the key of the upsert, so it must have a value';
      throw invalidValue(
        entity.name,
        absent.map((name) => ({ pointer: pointer(name), code: 'required', detail })),
      );
    }
    const changed = patch ? changeOf(entity, patch, now, this.#rules.decimalOrder) : replacement(entity, key, row, now);
    const [keyField] = key as readonly [K];
    const change = isEmptyChange(changed) ? { set: { [keyField]: row[keyField] }, add: {} } : changed;
    const stored = await this.#run('upsert', 'write', options, (driver, erased, session, call) =>
      driver.upsert(session, erased, key, row, change, call),
    );
    return stored as unknown as T;
  }

  /**
   * Deletes one row and answers whether there was one. With `deletedAt` in the entity the row stays and is marked.
   *
   * @throws `database.version_conflict` when it has another version than `options.version`
   */
  async delete(id: IdOf<T, Key>, options?: DeleteOptions): Promise<boolean> {
    if (options !== undefined) expectOptions(this.entity, 'delete', options);
    const byId = withId(this.entity, id);
    if (byId === undefined) return false;
    const where = and([byId, alive(this.entity, options?.hard)]);
    const guarded = and([where, ofVersion(this.entity, options?.version)]);
    const { matched } = await this.#remove('delete', guarded, options);
    if (matched > 0) return true;
    if (options?.version !== undefined && (await this.#isThere(where, options))) throw this.#conflict();
    return false;
  }

  /**
   * Deletes all rows that match and answers how many there were.
   *
   * @throws `database.invalid_query` without a filter, or for one that matches everything; say `{ id: { ne: null } }`
   *   if you mean it
   */
  async deleteMany(options: DeleteManyOptions<T>): Promise<{ matched: number }> {
    return this.#remove('deleteMany', this.#some('deleteMany', options, options?.hard), options);
  }

  #remove(operation: string, where: Condition, options: DeleteOptions | undefined): Awaitable<{ matched: number }> {
    const { deletedAt } = this.entity;
    if (deletedAt === undefined || options?.hard === true) {
      return this.#run(operation, 'write', options, (driver, entity, session, call) =>
        driver.delete(session, entity, where, call),
      );
    }
    const now = new Date();
    const at = timeFor(this.entity.fields.get(deletedAt), now);
    const change = touched(this.entity, { set: { [deletedAt]: at }, add: {} }, now);
    return this.#run(operation, 'write', options, (driver, entity, session, call) =>
      driver.update(session, entity, where, change, call),
    );
  }

  #insert(
    operation: string,
    rows: readonly Row[],
    options: CallOptions | undefined,
  ): Awaitable<readonly Row[] | undefined> {
    return this.#run(operation, 'write', options, (driver, entity, session, call) =>
      driver.insert(session, entity, rows, call),
    );
  }

  #read(operation: string, query: DriverQuery, options: CallOptions | undefined): Awaitable<T[]> {
    // Known to be empty: no reason to ask. What a caller would otherwise learn (that the database is down) it learns
    // from the next call.
    if (query.where.op === 'none') return [];
    return this.#run(
      operation,
      'read',
      options,
      (driver, entity, session, call) =>
        driver.find(session, entity, query, call) as Awaitable<unknown[]> as Awaitable<T[]>,
    );
  }

  #run<R>(
    operation: string,
    use: 'read' | 'write',
    options: CallOptions | undefined,
    work: (driver: DatabaseDriver, entity: EntityModel, ...rest: Parameters<Work<R>>) => ReturnType<Work<R>>,
  ): Awaitable<R> {
    const { driver } = this.#host;
    const entity: EntityModel = this.entity;
    return this.#host.run({ operation, entity: entity.name, model: entity, use }, options, (session, call) =>
      work(driver, entity, session, call),
    );
  }

  get #rules(): DatabaseFeatures {
    return this.#host.driver.features;
  }

  #where(options: ReadOptions & { readonly where?: Filter<T> | undefined }): Condition {
    const filter = parseFilter(this.entity, options.where, this.#rules);
    return and([filter, alive(this.entity, options.withDeleted)]);
  }

  /** Rows for a write, which must not be all of them by accident. */
  #some(
    method: 'updateMany' | 'deleteMany',
    options: UpdateManyOptions<T> | DeleteManyOptions<T>,
    withDeleted: boolean | undefined,
  ): Condition {
    if (options !== undefined) expectOptions(this.entity, method, options);
    return and([some(this.entity, options?.where, this.#rules), alive(this.entity, withDeleted)]);
  }

  #paging(operation: string, options: FindOptions<T>): Paging<T> {
    return {
      entity: this.entity,
      where: this.#where(options),
      order: parseSort(this.entity, options.sort, this.#rules),
      select: parseSelect(this.entity, options.select),
      read: (query) => this.#read(operation, query, options),
    };
  }

  #isThere(where: Condition, options: CallOptions | undefined): Awaitable<boolean> {
    return this.#run('exists', 'read', options, async (driver, entity, session, call) => {
      const rows = await driver.find(session, entity, { where, order: [], limit: 1, fields: entity.id }, call);
      return rows.length > 0;
    });
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
