import type { Aggregated, AggregateOptions, Aggregates, GroupKey, GroupOptions } from './aggregates.ts';
import type { Awaitable, Condition, DatabaseFeatures, Row } from './driver.ts';
import type { Entity, EntityModel, IdOf } from './entity.ts';
import { databaseErrors } from './errors.ts';
import { and } from './internal/conditions.ts';
import { alive, ofVersion, some, withId } from './internal/criteria.ts';
import type { Host } from './internal/host.ts';
import { expectOptions } from './internal/known-options.ts';
import type { Ask } from './internal/operation.ts';
import { invalidValue, pointer } from './internal/problems.ts';
import { Reads } from './internal/reads.ts';
import { rowsOfTenant, scopeHere } from './internal/tenancy.ts';
import { upsertOf } from './internal/upserts.ts';
import { changeOf, completeRow, deletionOf, isEmptyChange } from './internal/writes.ts';
import type { CallOptions } from './options.ts';
import type {
  CountOptions,
  DeleteManyOptions,
  DeleteOptions,
  FindOptions,
  GetOptions,
  Patch,
  StreamOptions,
  UpdateManyOptions,
  UpdateOptions,
  Window,
  WindowOptions,
} from './query.ts';

/**
 * Rows that go to the driver at once, or more where it says so: between batches others get their turn, where the driver
 * works on this thread.
 */
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
  readonly #reads: Reads<T>;
  readonly #ask: Ask = (operation, use, options, work) => {
    const entity: EntityModel = this.entity;
    const { driver } = this.#host;
    const rows = entity.tenant === undefined ? driver : rowsOfTenant(driver, entity, scopeHere());
    const latest = options?.from === 'primary' ? true : undefined;
    return this.#host.run({ operation, entity: entity.name, model: entity, use, latest }, options, (session, call) =>
      work(rows, entity, session, call),
    );
  };

  /** @internal Use `db.repo(entity)`. */
  constructor(entity: Entity<T, New, Key>, host: Host) {
    this.entity = entity;
    this.#host = host;
    if (entity.generated.length > 0 && !host.driver.features.generatedFields) {
      throw databaseErrors.unsupported(
        `${entity.name}: ${host.driver.name} fills in no fields, so "${entity.generated[0]}" cannot be generated.`,
      );
    }
    this.#reads = new Reads(entity, host, this.#ask);
  }

  /** The row with this id, or null. The id of a composite key is an object: `get({ film: 1, actor: 2 })`. */
  get<Selected extends keyof T & string = keyof T & string>(
    id: IdOf<T, Key>,
    options?: GetOptions<Selected>,
  ): Promise<Pick<T, Selected> | null> {
    return this.#reads.get(id, options);
  }

  /**
   * All rows that match, in order.
   *
   * ```js
   * await users.find({ where: { email: { endsWith: '@example.org' } }, sort: [['createdAt', 'desc']], limit: 20 });
   * ```
   */
  find<Selected extends keyof T & string = keyof T & string>(
    options: FindOptions<T, Selected> = {},
  ): Promise<Pick<T, Selected>[]> {
    return this.#reads.find(options);
  }

  /**
   * One page of the rows that match, and cursors for its neighbours. Rows that come or go in between neither shift a
   * page nor repeat in the next one; each page costs the same, however far in, if there is an index on the sorted
   * fields and the id.
   *
   * @throws `database.invalid_cursor` for a cursor that was changed, or that belongs to another entity or sort
   */
  window<Selected extends keyof T & string = keyof T & string>(
    options: WindowOptions<T, Selected>,
  ): Promise<Window<Pick<T, Selected>>> {
    return this.#reads.window(options);
  }

  /**
   * All rows that match, in order, a batch at a time. Each batch is a query of its own, after the last row of the one
   * before: no connection is held while your code runs, so the loop may write. A row that is changed meanwhile is seen
   * as it is when its batch is read. Sort by what has an index.
   *
   * ```js
   * for await (const user of users.stream({ where: { verifiedAt: null } })) await remind(user);
   * ```
   */
  stream<Selected extends keyof T & string = keyof T & string>(
    options: StreamOptions<T, Selected> = {},
  ): AsyncGenerator<Pick<T, Selected>, void, undefined> {
    return this.#reads.stream(options);
  }

  /** How many rows match. */
  count(options: CountOptions<T> = {}): Promise<number> {
    return this.#reads.count(options);
  }

  /** Whether a row matches. */
  exists(options: CountOptions<T> = {}): Promise<boolean> {
    return this.#reads.exists(options);
  }

  /**
   * Counts, sums, averages, the least and the greatest over the rows that match; with `by` of each group.
   *
   * ```js
   * const { orders, total } = await repo.aggregate({ values: { orders: 'count', total: { sum: 'price' } } });
   * const byState = await repo.aggregate({ by: ['state'], values: { last: { max: 'createdAt' } } });
   * ```
   *
   * @throws `database.bad_data` for a sum that does not fit its field
   */
  aggregate<const A extends Aggregates<T>, const By extends GroupKey<T>>(
    options: GroupOptions<T, A, By>,
  ): Promise<(Pick<T, By> & Aggregated<T, A>)[]>;
  aggregate<const A extends Aggregates<T>>(options: AggregateOptions<T, A>): Promise<Aggregated<T, A>>;
  aggregate(options: AggregateOptions<T, Aggregates<T>> & { readonly by?: readonly string[] }): Promise<unknown> {
    return this.#reads.aggregate(options);
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
    const [name, ...others] = this.entity.id as readonly [string, ...string[]];
    const idOf = (row: Row): unknown =>
      others.length === 0 ? row[name] : Object.fromEntries(this.entity.id.map((part) => [part, row[part]]));
    const { insertsAtOnce = 1 } = this.#host.driver;
    const size = Math.max(INSERT_BATCH, insertsAtOnce);
    const insert = async (): Promise<unknown[]> => {
      const ids: unknown[] = [];
      for (let start = 0; start < complete.length; start += size) {
        const batch = complete.slice(start, start + size);
        for (const row of (await this.#insert('insertMany', batch, options)) ?? batch) ids.push(idOf(row));
      }
      return ids;
    };
    // One statement is all or nothing by itself: BEGIN and COMMIT would be two more ways to the server.
    const most = this.entity.generated.length === 0 ? insertsAtOnce : 1;
    const isOne = complete.length <= most || !this.#rules.transactions;
    const ids = await (isOne ? insert() : this.#host.transaction(options ?? {}, insert));
    return ids as IdOf<T, Key>[];
  }

  /**
   * Changes one row and answers it as stored.
   *
   * ```js
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
      const [row] = await this.#reads.rows('update', { where: guarded, order: [], limit: 1 }, options);
      if (row !== undefined) return row;
      throw this.#notFound();
    }
    const row = await this.#ask('update', 'write', options, (driver, entity, session, call) =>
      driver.updateOne(session, entity, guarded, change, call),
    );
    if (row !== undefined) return row as unknown as T;
    throw (await this.#reads.isThere(where, options)) ? this.#conflict() : this.#notFound();
  }

  /**
   * Changes all rows that match, in one statement, and answers how many matched. With a condition on what a field is
   * now, this is compare and set.
   *
   * ```js
   * await jobs.updateMany({ set: { state: 'taken' } }, { where: { id, state: 'open' } });
   * ```
   *
   * @throws `database.invalid_query` without a filter, or for one that matches everything; say `{ id: { ne: null } }`
   *   if you mean it
   */
  async updateMany(patch: Patch<T, Key>, options: UpdateManyOptions<T>): Promise<{ matched: number }> {
    const condition = this.#some('updateMany', options, options?.withDeleted);
    const change = changeOf(this.entity, patch, new Date(), this.#rules.decimalOrder);
    if (isEmptyChange(change)) return { matched: await this.#reads.howMany(condition, options) };
    return this.#ask('updateMany', 'write', options, (driver, entity, session, call) =>
      driver.update(session, entity, condition, change, call),
    );
  }

  /**
   * Stores `create`, or changes the row that has the same `key`: by `patch`, or without one by the values of `create`.
   * Answers it as stored. Atomic: of concurrent calls one inserts and the others update. A row that is soft-deleted
   * counts as absent: `create` takes its place, and nothing of it lives on.
   *
   * @param key the fields of the id, or one of the unique keys of the entity; of an entity with a `tenant` one that has
   *   it, which may be left out here
   */
  async upsert<K extends keyof T & string>(
    key: readonly K[],
    create: New,
    patch?: Patch<T, Key>,
    options?: CallOptions,
  ): Promise<T> {
    const { entity } = this;
    if (options !== undefined) expectOptions(entity, 'upsert', options);
    const { row, change, ...by } = upsertOf(entity, key, create, patch, this.#host.driver);
    const stored = await this.#ask('upsert', 'write', options, (driver, erased, session, call) =>
      driver.upsert(session, erased, by.key, row, change, call),
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
    if (options?.version !== undefined && (await this.#reads.isThere(where, options))) throw this.#conflict();
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
    const mark = options?.hard === true ? undefined : deletionOf(this.entity, new Date());
    return this.#ask(operation, 'write', options, (driver, entity, session, call) =>
      mark === undefined
        ? driver.delete(session, entity, where, call)
        : driver.update(session, entity, where, mark, call),
    );
  }

  #insert(
    operation: string,
    rows: readonly Row[],
    options: CallOptions | undefined,
  ): Awaitable<readonly Row[] | undefined> {
    return this.#ask(operation, 'write', options, (driver, entity, session, call) =>
      driver.insert(session, entity, rows, call),
    );
  }

  get #rules(): DatabaseFeatures {
    return this.#host.driver.features;
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

/**
 * The type of the repository of an entity, for who is given one: `RepositoryOf<typeof users>` of a constructor, where
 * `db.repo(users)` is what a container injects.
 */
export type RepositoryOf<E> =
  E extends Entity<infer T, infer New, infer Key>
    ? Key extends keyof T & string
      ? Repository<T, New, Key>
      : never
    : never;
