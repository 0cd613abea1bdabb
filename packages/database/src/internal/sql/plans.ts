import { type CompiledQuery, type RawBuilder, sql } from 'kysely';
import type { AggregateValue, Change, Condition, DriverAggregate, DriverQuery, Order, Row } from '../../driver.ts';
import type { EntityField, EntityModel } from '../../entity.ts';
import {
  type Codec,
  type Compiler,
  compilerOf,
  type Insert,
  type SqlDialect,
  selectionOf,
  storageOf,
  type Term,
  textOf,
} from './dialect.ts';
import type { SqlStatement } from './types.ts';
import { shapeOf, type Slot, Slots, whereOf } from './where.ts';

/** A statement ready to run. */
export interface Ready {
  readonly statement: SqlStatement;
  readonly parameters: readonly unknown[];
}

interface Plan {
  readonly statement: SqlStatement;
  readonly slots: readonly Slot[];
}

/** How a field is bound. */
interface Column {
  readonly name: string;
  readonly encode: Codec['encode'];
}

/** The id of a query that asks for the row with it, and for nothing else. */
function idAskedFor({ id }: EntityModel, { where, order, limit, offset, fields }: DriverQuery): unknown {
  if (where.op !== 'eq' || where.field !== id[0] || id.length > 1 || where.ignoreCase) return undefined;
  const isGet = order.length === 0 && limit === 1 && offset === undefined && fields === undefined;
  return isGet ? where.value : undefined;
}

/** What a statement answers: rows of its entity, one at most, other rows, with sums, or how many it matched. */
type Answer = 'entity' | 'one entity' | 'rows' | 'sums' | 'matched';

// Shapes are few in any program; a filter built from hostile input must not fill the memory.
const MAX_PLANS = 500;
const MAX_SLOTS = 500;
const whole = (value: unknown): unknown => value;

/**
 * The statements of the repository operations. Kysely compiles each shape (the operation, its fields and operators)
 * once; after that a call only collects its values.
 */
export class Plans {
  readonly #dialect: SqlDialect;
  readonly #compiler: Compiler;
  readonly #plans = new WeakMap<EntityModel, Map<string, Plan>>();
  readonly #columns = new WeakMap<EntityModel, readonly Column[]>();

  constructor(dialect: SqlDialect) {
    this.#dialect = dialect;
    this.#compiler = compilerOf(dialect);
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
    const numberOf = (slots: Slots, number: number): Term => (isBound(number) ? slots.next(whole)() : sql.lit(number));
    return this.#ready(entity, shape, answer, values, (slots) => {
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
    return this.#ready(entity, shape, 'rows', values, (slots) => {
      let query = this.#compiler.selectFrom(entity.table).select(sql`count(*)`.as('n'));
      if (where.op !== 'all') query = query.where(whereOf(this.#dialect, entity, where, slots));
      return query.compile();
    });
  }

  aggregate(entity: EntityModel, { where, by, values: asked }: DriverAggregate): Ready {
    const values: unknown[] = [];
    const names = asked.map(({ name, op, field = '' }) => `${name} ${op} ${field}`).join();
    const shape = `aggregate ${names} by ${by.join()} ${shapeOf(where, values)}`;
    return this.#ready(entity, shape, 'sums', values, (slots) => {
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

  /** @param isWhole as many rows as one statement takes: of those it comes again, however long it is */
  insert(entity: EntityModel, rows: readonly Row[], isWhole: boolean): Ready {
    const compile = (slots: Slots): CompiledQuery =>
      this.#compiler
        .insertInto(entity.table)
        .values(rows.map(() => this.#row(entity, slots)))
        .compile();
    const { statement } = this.#known(entity, `insert ${rows.length}`, 'matched', compile, isWhole);
    // In the order of its slots, without going through them: of a thousand rows that is most of what this costs.
    const columns = this.#columnsOf(entity);
    const parameters: unknown[] = [];
    for (const row of rows) {
      for (const { name, encode } of columns) parameters.push(row[name] === null ? null : encode(row[name]));
    }
    return { statement, parameters };
  }

  /** Of rows that lack the same fields, which the database fills in. */
  insertPartly(entity: EntityModel, rows: readonly Row[], returning: boolean): Ready {
    const [first = {}] = rows;
    const given = [...entity.fields.values()].filter(({ name }) => Object.hasOwn(first, name));
    const values = rows.flatMap((row) => given.map(({ name }) => row[name]));
    const shape = `insert ${rows.length} of ${given.map(({ name }) => name).join()}${returning ? ' returning' : ''}`;
    return this.#ready(entity, shape, returning ? 'entity' : 'matched', values, (slots) => {
      const query = this.#insert(entity, given, rows.length, slots);
      return returning ? query.returning(selectionOf(entity)).compile() : query.compile();
    });
  }

  update(entity: EntityModel, where: Condition, change: Change, returning: boolean): Ready {
    const values: unknown[] = [];
    const changes = changeShape(change, values);
    const shape = `update ${changes} where ${shapeOf(where, values)}${returning ? ' returning' : ''}`;
    return this.#ready(entity, shape, returning ? 'entity' : 'matched', values, (slots) => {
      const query = this.#update(entity, where, change, slots);
      return returning ? query.returning(selectionOf(entity)).compile() : query.compile();
    });
  }

  /**
   * Changes a row and answers it, in one statement of several, as MariaDB has them. Placeholders in such a one are
   * nowhere in its manual, but work since 10.1.
   * https://mariadb.com/docs/server/reference/sql-statements/programmatic-compound-statements
   *
   * @param place where the row is afterwards
   * @param isAlone in a transaction of its own; where it fails, that is still open
   */
  updateAndRead(entity: EntityModel, where: Condition, change: Change, place: Condition, isAlone: boolean): Ready {
    const values: unknown[] = [];
    const changes = changeShape(change, values);
    const wheres = `${shapeOf(where, values)} then ${shapeOf(place, values)}`;
    return this.#ready(entity, `update ${changes} where ${wheres} ${isAlone}`, 'one entity', values, (slots) => {
      const update = this.#update(entity, where, change, slots).compile();
      const query = this.#compiler.selectFrom(entity.table).select(selectionOf(entity));
      const read = query
        .where(whereOf(this.#dialect, entity, place, slots))
        .forUpdate()
        .compile();
      const both = `${update.sql}; if row_count() > 0 then ${read.sql}; end if;`;
      const text = isAlone ? `start transaction; ${both} commit;` : both;
      return { ...read, sql: `begin not atomic ${text} end`, parameters: [...update.parameters, ...read.parameters] };
    });
  }

  upsert(entity: EntityModel, key: readonly string[], row: Row, change: Change, returning: boolean): Ready {
    const given = [...entity.fields.values()].filter(({ name }) => Object.hasOwn(row, name));
    const values: unknown[] = given.map(({ name }) => row[name]);
    const lacking = given.length < entity.fields.size ? ` of ${given.map(({ name }) => name).join()}` : '';
    const shape = `upsert ${key.join()} ${changeShape(change, values)}${lacking}${returning ? ' returning' : ''}`;
    return this.#ready(entity, shape, returning ? 'entity' : 'matched', values, (slots) => {
      const insert = this.#insert(entity, given, 1, slots);
      // `add` means the stored value; PostgreSQL wants to be told so.
      const changes = this.#change(entity, change, slots, prefixOf(entity));
      const deletedAt = entity.deletedAt === undefined ? undefined : entity.fields.get(entity.deletedAt);
      const set = deletedAt === undefined ? changes : this.#unlessDeleted(entity, deletedAt, key, changes);
      const columns = key.map((name) => (entity.fields.get(name) as EntityField).column);
      const { upsert } = this.#dialect;
      const query = upsert === 'locking read' ? insert : upsert(insert, columns, set, deletedAt?.column);
      return returning ? query.returning(selectionOf(entity)).compile() : query.compile();
    });
  }

  delete(entity: EntityModel, where: Condition): Ready {
    const values: unknown[] = [];
    const shape = `delete ${shapeOf(where, values)}`;
    return this.#ready(entity, shape, 'matched', values, (slots) => {
      let query = this.#compiler.deleteFrom(entity.table);
      if (where.op !== 'all') query = query.where(whereOf(this.#dialect, entity, where, slots));
      return query.compile();
    });
  }

  #update(entity: EntityModel, where: Condition, change: Change, slots: Slots) {
    const query = this.#compiler.updateTable(entity.table).set(this.#change(entity, change, slots));
    return where.op === 'all' ? query : query.where(whereOf(this.#dialect, entity, where, slots));
  }

  #row(entity: EntityModel, slots: Slots): Record<string, Term> {
    return this.#partOf([...entity.fields.values()], slots);
  }

  #partOf(fields: readonly EntityField[], slots: Slots): Record<string, Term> {
    const row: Record<string, Term> = {};
    for (const field of fields) row[field.column] = slots.next(this.#encoder(field))();
    return row;
  }

  #insert({ table, id, fields }: EntityModel, given: readonly EntityField[], rows: number, slots: Slots): Insert {
    const insert = this.#compiler.insertInto(table);
    if (given.length > 0) return insert.values(Array.from({ length: rows }, () => this.#partOf(given, slots)));
    // MySQL has no DEFAULT VALUES, and SQLite no DEFAULT for one column.
    const { column } = fields.get(id[0] as string) as EntityField;
    return this.#dialect.writes === 'returning' ? insert.defaultValues() : insert.values({ [column]: sql`default` });
  }

  #change(entity: EntityModel, { set, add }: Change, slots: Slots, prefix = ''): Record<string, Term> {
    const updates: Record<string, Term> = {};
    for (const name of Object.keys(set)) {
      const field = entity.fields.get(name) as EntityField;
      updates[field.column] = slots.next(this.#encoder(field))();
    }
    for (const name of Object.keys(add)) {
      const { column, type } = entity.fields.get(name) as EntityField;
      updates[column] = this.#dialect.add(sql.ref(prefix + column), slots.next(whole), type);
    }
    return updates;
  }

  /** Where the row in the way is soft-deleted, the new one takes its place. */
  #unlessDeleted(
    entity: EntityModel,
    deletedAt: EntityField,
    key: readonly string[],
    changes: Readonly<Record<string, Term>>,
  ): Record<string, Term> {
    const stored = (column: string): Term => sql.ref(prefixOf(entity) + column);
    const set: Record<string, Term> = {};
    // `deletedAt` at the end: MySQL evaluates from left to right, with what is changed already.
    for (const { name, column } of [...[...entity.fields.values()].filter((other) => other !== deletedAt), deletedAt]) {
      const change = changes[column];
      // That of the key is the same in both.
      if (change === undefined && key.includes(name)) continue;
      const proposed = this.#dialect.proposed?.(column);
      set[column] =
        sql`case when ${stored(deletedAt.column)} is null then ${change ?? stored(column)} else ${proposed} end`;
    }
    return set;
  }

  #encoder(field: EntityField): (value: unknown) => unknown {
    const { encode } = storageOf(this.#dialect, field).codec;
    return (value) => (value === null ? null : encode(value));
  }

  #ready(
    entity: EntityModel,
    shape: string,
    answer: Answer,
    values: readonly unknown[],
    compile: (slots: Slots) => CompiledQuery,
  ): Ready {
    const { statement, slots } = this.#known(entity, shape, answer, compile);
    return { statement, parameters: slots.map(({ index, encode }) => encode(values[index])) };
  }

  #known(
    entity: EntityModel,
    shape: string,
    answer: Answer,
    compile: (slots: Slots) => CompiledQuery,
    isKept = false,
  ): Plan {
    const known = this.#plans.get(entity)?.get(shape);
    return known ?? this.#plan(entity, shape, answer, compile(new Slots()), isKept);
  }

  /** What binds a whole row. */
  #columnsOf(entity: EntityModel): readonly Column[] {
    let columns = this.#columns.get(entity);
    if (columns === undefined) {
      columns = Array.from(entity.fields.values(), (field) => ({
        name: field.name,
        encode: storageOf(this.#dialect, field).codec.encode,
      }));
      this.#columns.set(entity, columns);
    }
    return columns;
  }

  #plan(entity: EntityModel, shape: string, answer: Answer, compiled: CompiledQuery, isKept: boolean): Plan {
    let plans = this.#plans.get(entity);
    if (plans === undefined) {
      plans = new Map();
      this.#plans.set(entity, plans);
    }
    // Every parameter is a slot: no value ever gets into a compiled statement.
    const slots = compiled.parameters as readonly Slot[];
    const statement: SqlStatement = {
      sql: compiled.sql,
      kind: 'rows',
      entity: answer === 'entity' || answer === 'one entity' ? entity : undefined,
      single: answer === 'one entity',
      exact: answer === 'sums',
      returnsRows: answer !== 'matched',
      recurs: isKept || slots.length <= MAX_SLOTS,
    };
    const plan: Plan = { statement, slots };
    if (!statement.recurs) return plan;
    const [oldest] = plans.keys();
    if (plans.size >= MAX_PLANS && oldest !== undefined) plans.delete(oldest);
    plans.set(shape, plan);
    return plan;
  }
}

/** Before a column that is meant as it is stored. Without the schema, which not every database takes there. */
function prefixOf({ table }: EntityModel): string {
  return `${table.slice(table.indexOf('.') + 1)}.`;
}

/** A bare name of ORDER BY is that of an answered column, if there is one: another field may be answered by it. */
function qualifierOf(entity: EntityModel, { column, name }: EntityField): string {
  return column !== name && entity.fields.has(column) ? prefixOf(entity) : '';
}

function orderShape(order: Order): string {
  return order.map(({ field, descending }) => (descending ? `-${field}` : field)).join();
}

function changeShape({ set, add }: Change, values: unknown[]): string {
  values.push(...Object.values(set), ...Object.values(add));
  return `${Object.keys(set).join()}+${Object.keys(add).join()}`;
}
