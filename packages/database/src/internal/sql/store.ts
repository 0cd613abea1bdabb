import type { Awaitable, CallContext, Change, Condition, DriverQuery, Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { chain } from '../awaitable.ts';
import type { SqlDialect } from './dialect.ts';
import { Plans, type Statement } from './plans.ts';

/** What a statement came to. */
export interface Outcome {
  readonly rows: readonly Row[];
  /** Rows that an INSERT, UPDATE or DELETE matched. */
  readonly matched: number;
}

/** Runs one statement of the store on a session. `bigints`: integers of the result must come as bigint. */
export type Execute<Session> = (
  session: Session,
  statement: Statement,
  context: CallContext,
  shape: { readonly returnsRows: boolean; readonly bigints: boolean },
) => Awaitable<Outcome>;

type Decoder = (row: Row) => Row;

/**
 * The repository operations of the driver contract, for any SQL database: statements from {@link Plans}, values through
 * the codecs.
 */
export class SqlStore<Session> {
  readonly #dialect: SqlDialect;
  readonly #execute: Execute<Session>;
  readonly #plans: Plans;
  readonly #decoders = new WeakMap<EntityModel, { decode: Decoder; bigints: boolean }>();

  constructor(dialect: SqlDialect, execute: Execute<Session>) {
    this.#dialect = dialect;
    this.#execute = execute;
    this.#plans = new Plans(dialect);
  }

  find(session: Session, entity: EntityModel, query: DriverQuery, context: CallContext): Awaitable<Row[]> {
    return this.#rows(session, entity, this.#plans.select(entity, query), context);
  }

  count(session: Session, entity: EntityModel, where: Condition, context: CallContext): Awaitable<number> {
    const statement = this.#plans.count(entity, where);
    const outcome = this.#run(session, statement, context, { returnsRows: true, bigints: false });
    return chain(outcome, ({ rows }) => Number(rows[0]?.['n']));
  }

  insert(session: Session, entity: EntityModel, rows: readonly Row[], context: CallContext): Awaitable<void> {
    const { maxParameters, rowsPerInsert } = this.#dialect;
    const size = Math.max(1, Math.min(rowsPerInsert, Math.floor(maxParameters / entity.fields.size)));
    const from = (start: number): Awaitable<void> => {
      let next = start;
      while (next < rows.length) {
        const chunk = rows.slice(next, next + size);
        next += size;
        const statement = this.#plans.insert(entity, chunk);
        const outcome = this.#run(session, statement, context, { returnsRows: false, bigints: false });
        if (outcome instanceof Promise) return outcome.then(() => from(next));
      }
    };
    return from(0);
  }

  update(
    session: Session,
    entity: EntityModel,
    where: Condition,
    change: Change,
    context: CallContext,
  ): Awaitable<{ matched: number }> {
    return this.#matched(session, this.#plans.update(entity, where, change, false), context);
  }

  updateOne(
    session: Session,
    entity: EntityModel,
    where: Condition,
    change: Change,
    context: CallContext,
  ): Awaitable<Row | undefined> {
    const statement = this.#plans.update(entity, where, change, true);
    return chain(this.#rows(session, entity, statement, context), ([row]) => row);
  }

  upsert(
    session: Session,
    entity: EntityModel,
    key: readonly string[],
    row: Row,
    change: Change,
    context: CallContext,
  ): Awaitable<Row> {
    const statement = this.#plans.upsert(entity, key, row, change);
    return chain(this.#rows(session, entity, statement, context), ([stored]) => stored as Row);
  }

  delete(
    session: Session,
    entity: EntityModel,
    where: Condition,
    context: CallContext,
  ): Awaitable<{ matched: number }> {
    return this.#matched(session, this.#plans.delete(entity, where), context);
  }

  #matched(session: Session, statement: Statement, context: CallContext): Awaitable<{ matched: number }> {
    const outcome = this.#run(session, statement, context, { returnsRows: false, bigints: false });
    return chain(outcome, ({ matched }) => ({ matched }));
  }

  #rows(session: Session, entity: EntityModel, statement: Statement, context: CallContext): Awaitable<Row[]> {
    const { decode, bigints } = this.#decoderOf(entity);
    const outcome = this.#run(session, statement, context, { returnsRows: true, bigints });
    return chain(outcome, ({ rows }) => rows.map(decode));
  }

  #run(
    session: Session,
    statement: Statement,
    context: CallContext,
    shape: { readonly returnsRows: boolean; readonly bigints: boolean },
  ): Awaitable<Outcome> {
    const { maxParameters } = this.#dialect;
    if (statement.parameters.length > maxParameters) {
      throw databaseErrors.invalid_query(
        `The query has ${statement.parameters.length} values; this database takes ${maxParameters} at most. Split long "in" lists.`,
      );
    }
    context.onStatement?.(statement.sql);
    return this.#execute(session, statement, context, shape);
  }

  #decoderOf(entity: EntityModel): { decode: Decoder; bigints: boolean } {
    let decoder = this.#decoders.get(entity);
    if (decoder === undefined) {
      decoder = {
        decode: decoderOf(entity, this.#dialect),
        bigints: [...entity.fields.values()].some(({ type }) => type === 'bigint'),
      };
      this.#decoders.set(entity, decoder);
    }
    return decoder;
  }
}

/** Decodes a row in place: it was made for us, and its members are already those of the entity, in order. */
function decoderOf(entity: EntityModel, dialect: SqlDialect): Decoder {
  const fields = [...entity.fields.values()].map(({ name, type, nullable }) => ({
    name,
    type,
    nullable,
    decode: dialect.codecs[type].decode,
  }));
  return (row) => {
    for (const { name, type, nullable, decode } of fields) {
      const stored = row[name];
      if (stored === null) {
        if (!nullable) throw misfit(entity, name, 'is null, but the field is not nullable');
        continue;
      }
      try {
        row[name] = decode(stored);
      } catch {
        // Without a cause: parsers quote what they could not read.
        throw misfit(entity, name, `is no ${type}`);
      }
    }
    return row;
  };
}

function misfit(entity: EntityModel, field: string, why: string): Error {
  return databaseErrors.bad_data(`${entity.name}: a stored value of "${field}" ${why}.`, {
    details: { entity: entity.name, fields: [field] },
  });
}
