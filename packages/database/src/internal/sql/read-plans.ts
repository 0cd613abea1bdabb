import { type RawBuilder, sql } from 'kysely';
import type { AggregateValue, Condition, DriverAggregate, DriverQuery, Order } from '../../driver.ts';
import type { EntityField, EntityModel } from '../../entity.ts';
import {
  type Compiler,
  compilerOf,
  prefixOf,
  type SqlDialect,
  selectionOf,
  type Term,
  textOf,
  unchanged,
} from './dialect.ts';
import type { PlanCache, Ready } from './plan-cache.ts';
import { shapeOf, type Slots, whereOf } from './where.ts';

/** The id of a query that asks for the row with it, and for nothing else. */
function idAskedFor({ id }: EntityModel, { where, order, limit, offset, fields }: DriverQuery): unknown {
  if (where.op !== 'eq' || where.field !== id[0] || id.length > 1 || where.ignoreCase) return undefined;
  const isGet = order.length === 0 && limit === 1 && offset === undefined && fields === undefined;
  return isGet ? where.value : undefined;
}

/** The statements that read. */
export class ReadPlans {
  readonly #dialect: SqlDialect;
  readonly #compiler: Compiler;
  readonly #plans: PlanCache;

  constructor(dialect: SqlDialect, plans: PlanCache) {
    this.#dialect = dialect;
    this.#compiler = compilerOf(dialect);
    this.#plans = plans;
  }

  /** @param locked nobody else may change the rows before this transaction ends */
  select(entity: EntityModel, asked: DriverQuery, locked = false): Ready {
    const { where, order, limit, offset, fields } = asked;
    const bound = this.#dialect.limits === 'bind';
    // An OFFSET without a LIMIT is PostgreSQL's alone.
    const most = limit ?? (offset === undefined ? undefined : Number.MAX_SAFE_INTEGER);
    const id = locked ? undefined : idAskedFor(entity, asked);
    // What `get` asks comes most of all, and its shape is known.
    const values: unknown[] = id === undefined ? [] : [id];
    // One comes most of all, and needs no value of its own.
    const isBound = (number: number | undefined): boolean => bound && number !== undefined && number !== 1;
    let shape = 'get';
    if (id === undefined) {
      shape = `select${locked ? ' locked' : ''} ${shapeOf(where, values)} by ${orderShape(order)}${most === 1 ? ' one' : ''}`;
      if (fields !== undefined) shape += ` of ${fields.join()}`;
      for (const number of [most, offset]) {
        shape += ` ${isBound(number) ? '?' : number}`;
        if (isBound(number)) values.push(number);
      }
    }
    const answer = most === 1 ? 'one entity' : 'entity';
    const numberOf = (slots: Slots, number: number): Term =>
      isBound(number) ? slots.next(unchanged)() : sql.lit(number);
    return this.#plans.ready(entity, shape, answer, values, (slots) => {
      let query = this.#compiler.selectFrom(entity.table).select(selectionOf(entity, fields));
      if (where.op !== 'all') query = query.where(whereOf(this.#dialect, entity, where, slots));
      for (const { field, descending } of order) {
        const ordered = entity.fields.get(field) as EntityField;
        query = query.orderBy(textOf(this.#dialect, ordered, qualifierOf(entity, ordered)), (by) => {
          const directed = descending ? by.desc() : by.asc();
          if (!ordered.nullable || this.#dialect.nulls === 'first') return directed;
          return descending ? directed.nullsLast() : directed.nullsFirst();
        });
      }
      if (most !== undefined) query = query.limit(numberOf(slots, most) as RawBuilder<number>);
      if (offset !== undefined) query = query.offset(numberOf(slots, offset) as RawBuilder<number>);
      return (locked ? query.forUpdate() : query).compile();
    });
  }

  count(entity: EntityModel, where: Condition): Ready {
    const values: unknown[] = [];
    const shape = `count ${shapeOf(where, values)}`;
    return this.#plans.ready(entity, shape, 'rows', values, (slots) => {
      let query = this.#compiler.selectFrom(entity.table).select(sql`count(*)`.as('n'));
      if (where.op !== 'all') query = query.where(whereOf(this.#dialect, entity, where, slots));
      return query.compile();
    });
  }

  aggregate(entity: EntityModel, { where, by, values: asked }: DriverAggregate): Ready {
    const values: unknown[] = [];
    const names = asked.map(({ name, op, field = '' }) => `${name} ${op} ${field}`).join();
    const shape = `aggregate ${names} by ${by.join()} ${shapeOf(where, values)}`;
    return this.#plans.ready(entity, shape, 'sums', values, (slots) => {
      // With their table: an answered value may be called as another column is.
      const prefix = prefixOf(entity);
      const groups = by.map((name) => entity.fields.get(name) as EntityField);
      const columns = groups.map(({ name, column }) => sql.ref(prefix + column).as(name));
      const sums = asked.map(({ name, op, field }) => this.#aggregated(entity, op, field).as(name));
      let query = this.#compiler.selectFrom(entity.table).select([...columns, ...sums]);
      if (where.op !== 'all') query = query.where(whereOf(this.#dialect, entity, where, slots));
      for (const field of groups) {
        query = query.groupBy(sql.ref(prefix + field.column));
        query = query.orderBy(textOf(this.#dialect, field, prefix), (to) =>
          field.nullable && this.#dialect.nulls === 'last' ? to.asc().nullsFirst() : to.asc(),
        );
      }
      return query.compile();
    });
  }

  #aggregated(entity: EntityModel, op: AggregateValue['op'], name: string | undefined): Term {
    if (name === undefined) return sql`count(*)`;
    const field = entity.fields.get(name) as EntityField;
    const prefix = prefixOf(entity);
    if (op === 'count') return sql`count(${sql.ref(prefix + field.column)})`;
    if (op === 'sum') return sql`sum(${sql.ref(prefix + field.column)})`;
    return sql`${op === 'min' ? sql`min` : sql`max`}(${textOf(this.#dialect, field, prefix)})`;
  }
}

/** A bare name of ORDER BY is that of an answered column, if there is one: another field may be answered by it. */
function qualifierOf(entity: EntityModel, { column, name }: EntityField): string {
  return column !== name && entity.fields.has(column) ? prefixOf(entity) : '';
}

function orderShape(order: Order): string {
  return order.map(({ field, descending }) => (descending ? `-${field}` : field)).join();
}
