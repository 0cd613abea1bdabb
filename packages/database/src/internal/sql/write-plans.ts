import { type CompiledQuery, sql } from 'kysely';
import type { Change, Condition, Row } from '../../driver.ts';
import type { EntityField, EntityModel } from '../../entity.ts';
import { compiled, membersOf } from '../compiled.ts';
import {
  type Codec,
  type Compiler,
  compilerOf,
  type Insert,
  prefixOf,
  type SqlDialect,
  selectionOf,
  storageOf,
  type Term,
  unchanged,
} from './dialect.ts';
import type { PlanCache, Ready } from './plan-cache.ts';
import type { SqlStatement } from './types.ts';
import { shapeOf, type Slots, whereOf } from './where.ts';

/** How a field is bound. */
interface Column {
  readonly name: string;
  readonly encode: Codec['encode'];
}

/** What binds whole rows, and the statement that inserts one: most of what is inserted comes alone. */
interface Inserts {
  /** Adds the values of a row, as they are bound. */
  readonly bind: (row: Row, to: unknown[]) => void;
  one: SqlStatement | undefined;
}

/** The statements that write. */
export class WritePlans {
  readonly #dialect: SqlDialect;
  readonly #compiler: Compiler;
  readonly #plans: PlanCache;
  readonly #inserts = new WeakMap<EntityModel, Inserts>();

  constructor(dialect: SqlDialect, plans: PlanCache) {
    this.#dialect = dialect;
    this.#compiler = compilerOf(dialect);
    this.#plans = plans;
  }

  /** @param isWhole as many rows as one statement takes: of those it comes again, however long it is */
  insert(entity: EntityModel, rows: readonly Row[], isWhole: boolean): Ready {
    const known = this.#insertsOf(entity);
    let statement = rows.length === 1 ? known.one : undefined;
    if (statement === undefined) {
      const compile = (slots: Slots): CompiledQuery =>
        this.#compiler
          .insertInto(entity.table)
          .values(rows.map(() => this.#row(entity, slots)))
          .compile();
      ({ statement } = this.#plans.known(entity, `insert ${rows.length}`, 'matched', compile, isWhole));
      if (rows.length === 1) known.one = statement;
    }
    // In the order of its slots, without going through them: of a thousand rows that is most of what this costs.
    const parameters: unknown[] = [];
    for (const row of rows) known.bind(row, parameters);
    return { statement, parameters };
  }

  /** Of rows that lack the same fields, which the database fills in. */
  insertPartly(entity: EntityModel, rows: readonly Row[], returning: boolean): Ready {
    const [first = {}] = rows;
    const given = [...entity.fields.values()].filter(({ name }) => Object.hasOwn(first, name));
    const values = rows.flatMap((row) => given.map(({ name }) => row[name]));
    const shape = `insert ${rows.length} of ${given.map(({ name }) => name).join()}${returning ? ' returning' : ''}`;
    return this.#plans.ready(entity, shape, returning ? 'entity' : 'matched', values, (slots) => {
      const query = this.#insert(entity, given, rows.length, slots);
      return returning ? query.returning(selectionOf(entity)).compile() : query.compile();
    });
  }

  update(entity: EntityModel, where: Condition, change: Change, returning: boolean): Ready {
    const values: unknown[] = [];
    const changes = changeShape(change, values);
    const shape = `update ${changes} where ${shapeOf(where, values)}${returning ? ' returning' : ''}`;
    return this.#plans.ready(entity, shape, returning ? 'entity' : 'matched', values, (slots) => {
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
    return this.#plans.ready(entity, `update ${changes} where ${wheres} ${isAlone}`, 'one entity', values, (slots) => {
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
    return this.#plans.ready(entity, shape, returning ? 'entity' : 'matched', values, (slots) => {
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
    return this.#plans.ready(entity, shape, 'matched', values, (slots) => {
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
      updates[column] = this.#dialect.add(sql.ref(prefix + column), slots.next(unchanged), type);
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

  #insertsOf(entity: EntityModel): Inserts {
    let inserts = this.#inserts.get(entity);
    if (inserts === undefined) {
      const columns = Array.from(entity.fields.values(), (field) => ({
        name: field.name,
        encode: storageOf(this.#dialect, field).codec.encode,
      }));
      inserts = { bind: compiledBind(columns) ?? loopingBind(columns), one: undefined };
      this.#inserts.set(entity, inserts);
    }
    return inserts;
  }
}

function loopingBind(columns: readonly Column[]): Inserts['bind'] {
  return (row, to) => {
    for (const { name, encode } of columns) to.push(row[name] === null ? null : encode(row[name]));
  };
}

/** The same as one function of these columns. */
function compiledBind(columns: readonly Column[]): Inserts['bind'] | undefined {
  const encoded = membersOf(columns.map(({ name }) => name))?.map(
    (name, at) => `row[${name}] === null ? null : encode${at}(row[${name}])`,
  );
  const source = `
    const [${columns.map((_column, at) => `encode${at}`).join()}] = c0;
    return (row, to) => void to.push(${encoded?.join()});`;
  return encoded && compiled(source, [columns.map(({ encode }) => encode)]);
}

function changeShape({ set, add }: Change, values: unknown[]): string {
  values.push(...Object.values(set), ...Object.values(add));
  return `${Object.keys(set).join()}+${Object.keys(add).join()}`;
}
