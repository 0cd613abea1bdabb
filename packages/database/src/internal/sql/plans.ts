import { type CompiledQuery, type RawBuilder, sql } from 'kysely';
import type { Change, Condition, DriverQuery, Order, Row } from '../../driver.ts';
import type { EntityField, EntityModel } from '../../entity.ts';
import { type Compiler, compilerOf, type SqlDialect, type Term } from './dialect.ts';
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

/** The id of a query that asks for the row with it, and for nothing else. */
function idAskedFor({ where, order, limit, offset }: DriverQuery): unknown {
  if (where.op !== 'eq' || where.field !== 'id' || where.ignoreCase) return undefined;
  return order.length === 0 && limit === 1 && offset === undefined ? where.value : undefined;
}

/** What a statement answers: rows of its entity, one at most, other rows, or how many it matched. */
type Answer = 'entity' | 'one entity' | 'rows' | 'matched';

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

  constructor(dialect: SqlDialect) {
    this.#dialect = dialect;
    this.#compiler = compilerOf(dialect);
  }

  /** @param locked nobody else may change the rows before this transaction ends */
  select(entity: EntityModel, asked: DriverQuery, locked = false): Ready {
    const { where, order, limit, offset } = asked;
    const bound = this.#dialect.limits === 'bind';
    // An OFFSET without a LIMIT is PostgreSQL's alone.
    const most = limit ?? (offset === undefined ? undefined : Number.MAX_SAFE_INTEGER);
    const id = locked ? undefined : idAskedFor(asked);
    // What `get` asks comes most of all, and its shape is known.
    const values: unknown[] = id === undefined ? [] : [id, most];
    let shape = 'get';
    if (id === undefined) {
      shape = `select${locked ? ' locked' : ''} ${shapeOf(where, values)} by ${orderShape(order)}${most === 1 ? ' one' : ''}`;
      for (const number of [most, offset]) {
        shape += bound ? ` ${number === undefined ? '' : '?'}` : ` ${number}`;
        if (bound && number !== undefined) values.push(number);
      }
    }
    const answer = most === 1 ? 'one entity' : 'entity';
    const numberOf = (slots: Slots, number: number): Term => (bound ? slots.next(whole)() : sql.lit(number));
    return this.#ready(entity, shape, answer, values, (slots) => {
      let query = this.#compiler.selectFrom(entity.name).select([...entity.fields.keys()]);
      if (where.op !== 'all') query = query.where(whereOf(this.#dialect, entity, where, slots));
      for (const { field, descending } of order) {
        const nullable = (entity.fields.get(field) as EntityField).nullable;
        query = query.orderBy(sql.ref(field), (by) => {
          const directed = descending ? by.desc() : by.asc();
          if (!nullable || this.#dialect.nulls === 'first') return directed;
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
      let query = this.#compiler.selectFrom(entity.name).select(sql`count(*)`.as('n'));
      if (where.op !== 'all') query = query.where(whereOf(this.#dialect, entity, where, slots));
      return query.compile();
    });
  }

  /** @param isWhole as many rows as one statement takes: of those it comes again, however long it is */
  insert(entity: EntityModel, rows: readonly Row[], isWhole: boolean): Ready {
    const values: unknown[] = [];
    for (const row of rows) for (const name of entity.fields.keys()) values.push(row[name]);
    const compile = (slots: Slots): CompiledQuery =>
      this.#compiler
        .insertInto(entity.name)
        .values(rows.map(() => this.#row(entity, slots)))
        .compile();
    return this.#ready(entity, `insert ${rows.length}`, 'matched', values, compile, isWhole);
  }

  update(entity: EntityModel, where: Condition, change: Change, returning: boolean): Ready {
    const values: unknown[] = [];
    const changes = changeShape(change, values);
    const shape = `update ${changes} where ${shapeOf(where, values)}${returning ? ' returning' : ''}`;
    return this.#ready(entity, shape, returning ? 'entity' : 'matched', values, (slots) => {
      let query = this.#compiler.updateTable(entity.name).set(this.#change(entity, change, slots));
      if (where.op !== 'all') query = query.where(whereOf(this.#dialect, entity, where, slots));
      return returning ? query.returning([...entity.fields.keys()]).compile() : query.compile();
    });
  }

  upsert(entity: EntityModel, key: readonly string[], row: Row, change: Change, returning: boolean): Ready {
    const values: unknown[] = [...entity.fields.keys()].map((name) => row[name]);
    const shape = `upsert ${key.join()} ${changeShape(change, values)}${returning ? ' returning' : ''}`;
    return this.#ready(entity, shape, returning ? 'entity' : 'matched', values, (slots) => {
      const insert = this.#compiler.insertInto(entity.name).values(this.#row(entity, slots));
      // `add` means the stored value; PostgreSQL wants to be told so.
      const changes = this.#change(entity, change, slots, `${entity.name}.`);
      const set =
        entity.deletedAt === undefined ? changes : this.#unlessDeleted(entity, entity.deletedAt, key, changes);
      const query = this.#dialect.upsert(insert, key, set, entity.deletedAt);
      return returning ? query.returning([...entity.fields.keys()]).compile() : query.compile();
    });
  }

  delete(entity: EntityModel, where: Condition): Ready {
    const values: unknown[] = [];
    const shape = `delete ${shapeOf(where, values)}`;
    return this.#ready(entity, shape, 'matched', values, (slots) => {
      let query = this.#compiler.deleteFrom(entity.name);
      if (where.op !== 'all') query = query.where(whereOf(this.#dialect, entity, where, slots));
      return query.compile();
    });
  }

  #row(entity: EntityModel, slots: Slots): Record<string, Term> {
    const row: Record<string, Term> = {};
    for (const field of entity.fields.values()) row[field.name] = slots.next(this.#encoder(field))();
    return row;
  }

  #change(entity: EntityModel, { set, add }: Change, slots: Slots, prefix = ''): Record<string, Term> {
    const updates: Record<string, Term> = {};
    for (const name of Object.keys(set)) {
      updates[name] = slots.next(this.#encoder(entity.fields.get(name) as EntityField))();
    }
    for (const name of Object.keys(add)) {
      const { type } = entity.fields.get(name) as EntityField;
      updates[name] = this.#dialect.add(sql.ref(prefix + name), slots.next(whole), type);
    }
    return updates;
  }

  /** Where the row in the way is soft-deleted, the new one takes its place. */
  #unlessDeleted(
    { name: table, fields }: EntityModel,
    deletedAt: string,
    key: readonly string[],
    changes: Readonly<Record<string, Term>>,
  ): Record<string, Term> {
    const stored = (field: string): Term => sql.ref(`${table}.${field}`);
    const set: Record<string, Term> = {};
    // `deletedAt` at the end: MySQL evaluates from left to right, with what is changed already.
    for (const field of [...[...fields.keys()].filter((other) => other !== deletedAt), deletedAt]) {
      const change = changes[field];
      // That of the key is the same in both.
      if (change === undefined && key.includes(field)) continue;
      const proposed = this.#dialect.proposed(field);
      set[field] = sql`case when ${stored(deletedAt)} is null then ${change ?? stored(field)} else ${proposed} end`;
    }
    return set;
  }

  #encoder({ type }: EntityField): (value: unknown) => unknown {
    const { encode } = this.#dialect.codecs[type];
    return (value) => (value === null ? null : encode(value));
  }

  #ready(
    entity: EntityModel,
    shape: string,
    answer: Answer,
    values: readonly unknown[],
    compile: (slots: Slots) => CompiledQuery,
    isKept = false,
  ): Ready {
    const known = this.#plans.get(entity)?.get(shape);
    const { statement, slots } = known ?? this.#plan(entity, shape, answer, compile(new Slots()), isKept);
    return { statement, parameters: slots.map(({ index, encode }) => encode(values[index])) };
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

function orderShape(order: Order): string {
  return order.map(({ field, descending }) => (descending ? `-${field}` : field)).join();
}

function changeShape({ set, add }: Change, values: unknown[]): string {
  values.push(...Object.values(set), ...Object.values(add));
  return `${Object.keys(set).join()}+${Object.keys(add).join()}`;
}
