import type { Aggregates, AggregateOptions } from '../aggregates.ts';
import type { Awaitable, Condition, DatabaseFeatures, DriverQuery } from '../driver.ts';
import type { EntityModel } from '../entity.ts';
import type {
  CountOptions,
  Filter,
  FindOptions,
  GetOptions,
  ReadOptions,
  StreamOptions,
  Window,
  WindowOptions,
} from '../query.ts';
import { parseAggregate } from './aggregates.ts';
import { and, parseFilter, parseSelect, parseSort } from './conditions.ts';
import { alive, expectWhole, withId } from './criteria.ts';
import type { Host } from './host.ts';
import { expectOptions } from './known-options.ts';
import type { Ask } from './operation.ts';
import { batchesOf, type Paging, pageOf } from './pages.ts';
import { RowStream } from './row-stream.ts';
import { inScope, scopeHere, type TenantScope, tenantOf } from './tenancy.ts';

/** The half of a repository that reads: what its methods ask the driver for, and what they make of the answer. */
export class Reads<T extends object> {
  readonly #entity: EntityModel;
  readonly #ask: Ask;
  readonly #rules: DatabaseFeatures;
  readonly #cursorSecret: string;

  constructor(entity: EntityModel, { driver, cursorSecret }: Host, ask: Ask) {
    this.#entity = entity;
    this.#ask = ask;
    this.#rules = driver.features;
    this.#cursorSecret = cursorSecret;
  }

  async get(id: unknown, options: GetOptions<string> | undefined): Promise<T | null> {
    if (options !== undefined) expectOptions(this.#entity, 'get', options);
    const byId = withId(this.#entity, id);
    if (byId === undefined) return null;
    const { deletedAt } = this.#entity;
    const where = deletedAt === undefined ? byId : and([byId, alive(this.#entity, options?.withDeleted)]);
    const fields = options === undefined ? undefined : parseSelect(this.#entity, options.select);
    const found = this.rows('get', { where, order: [], limit: 1, fields }, options);
    const rows = found instanceof Promise ? await found : found;
    return rows[0] ?? null;
  }

  async find(options: FindOptions<T>): Promise<T[]> {
    expectOptions(this.#entity, 'find', options);
    const { limit, offset } = options;
    expectWhole(this.#entity, 'limit', limit, 0);
    expectWhole(this.#entity, 'offset', offset, 0);
    const fields = parseSelect(this.#entity, options.select);
    const order = parseSort(this.#entity, options.sort, this.#rules);
    const where = this.#where(options);
    if (limit === 0) return [];
    return this.rows('find', { where, order, limit, offset, fields }, options);
  }

  async window(options: WindowOptions<T>): Promise<Window<T>> {
    expectOptions(this.#entity, 'window', options);
    return pageOf(this.#paging('window', options), options, this.#secret());
  }

  stream(options: StreamOptions<T>): AsyncGenerator<T, void, undefined> {
    // Those of the tenant here, whoever takes the rows.
    return new RowStream(this.#batches(options, scopeHere()));
  }

  async *#batches(options: StreamOptions<T>, scope: TenantScope | undefined): AsyncGenerator<T[], void, undefined> {
    expectOptions(this.#entity, 'stream', options);
    if (this.#entity.tenant !== undefined) tenantOf(this.#entity, scope);
    const paging = this.#paging('stream', options);
    // The database may be told the tenant, too, so it is not enough to ask for these rows.
    const read: Paging<T>['read'] = (query) => inScope(scope, () => paging.read(query));
    yield* batchesOf({ ...paging, read }, options.batchSize ?? 500);
  }

  async count(options: CountOptions<T>): Promise<number> {
    expectOptions(this.#entity, 'count', options);
    return this.howMany(this.#where(options), options);
  }

  async exists(options: CountOptions<T>): Promise<boolean> {
    expectOptions(this.#entity, 'exists', options);
    const where = this.#where(options);
    return where.op !== 'none' && this.isThere(where, options);
  }

  async aggregate(options: AggregateOptions<T, Aggregates<T>> & { readonly by?: readonly string[] }): Promise<unknown> {
    expectOptions(this.#entity, 'aggregate', options);
    const plan = parseAggregate(this.#entity, options, this.#rules);
    const where = this.#where(options);
    const groups = await this.#ask('aggregate', 'read', options, (driver, entity, session, call) =>
      driver.aggregate(session, entity, { ...plan.query, where }, call),
    );
    const answers = groups.map((group) => plan.answer(group));
    return options.by === undefined ? answers[0] : answers;
  }

  /** The rows of a query that is checked. */
  rows(operation: string, query: DriverQuery, options: ReadOptions | undefined): Awaitable<T[]> {
    // Known to be empty: no reason to ask. What a caller would otherwise learn (that the database is down) it learns
    // from the next call.
    if (query.where.op === 'none') return [];
    return this.#ask(
      operation,
      'read',
      options,
      (driver, entity, session, call) =>
        driver.find(session, entity, query, call) as Awaitable<unknown[]> as Awaitable<T[]>,
    );
  }

  /** How many rows there are of a condition that is checked. */
  howMany(where: Condition, options: ReadOptions): Awaitable<number> {
    return this.#ask('count', 'read', options, (driver, entity, session, call) =>
      driver.count(session, entity, where, call),
    );
  }

  /** Whether there is a row of a condition that is checked. */
  isThere(where: Condition, options: ReadOptions | undefined): Awaitable<boolean> {
    return this.#ask('exists', 'read', options, async (driver, entity, session, call) => {
      const rows = await driver.find(session, entity, { where, order: [], limit: 1, fields: entity.id }, call);
      return rows.length > 0;
    });
  }

  #where(options: ReadOptions & { readonly where?: Filter<T> | undefined }): Condition {
    const filter = parseFilter(this.#entity, options.where, this.#rules);
    return and([filter, alive(this.#entity, options.withDeleted)]);
  }

  /** A cursor is good for the tenant that it was made for. */
  #secret(): string {
    const tenant = this.#entity.tenant === undefined ? undefined : tenantOf(this.#entity, scopeHere());
    return tenant === undefined ? this.#cursorSecret : `${this.#cursorSecret}\0${tenant}`;
  }

  #paging(operation: string, options: FindOptions<T>): Paging<T> {
    return {
      entity: this.#entity,
      where: this.#where(options),
      order: parseSort(this.#entity, options.sort, this.#rules),
      select: parseSelect(this.#entity, options.select),
      read: (query) => this.rows(operation, query, options),
    };
  }
}
