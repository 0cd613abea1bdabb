import { chain } from '@ent/internal';
import type { Awaitable, Condition, DriverCall, DriverRows, Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { and, equals } from '../conditions.ts';
import { identityOf } from '../keys.ts';
import { decodersOf } from './decoders.ts';
import { groupsOf } from './groups.ts';
import type { SqlDialect } from './dialect.ts';
import { type LockingSteps, lockingUpsert } from './locking-upsert.ts';
import type { Ready } from './plan-cache.ts';
import { plansOf } from './plans.ts';
import { type OpenOrOwn, ReadBack } from './read-back.ts';
import type { SqlExecute, SqlOutcome } from './types.ts';

/** What {@link rowsOf} asks of the driver. */
export interface RowsHost<Session> extends OpenOrOwn<Session> {
  /** The columns of the unique key that an error says is taken; empty where it does not say which. */
  readonly takenBy: (error: unknown) => readonly string[] | undefined;
  /** Whether the server has what MariaDB has beyond MySQL. */
  readonly isMariadb: (session: Session) => boolean;
}

/** A statement that inserts so many rows, and how many to try next. */
interface Chunk {
  readonly ready: Ready;
  readonly count: number;
  readonly next: number;
}

/** What repositories do, for any SQL database: statements from {@link plansOf}, values through the codecs. */
export function rowsOf<Session>(
  dialect: SqlDialect,
  execute: SqlExecute<Session>,
  host: RowsHost<Session>,
): DriverRows<Session> {
  const plans = plansOf(dialect);
  const { reads, writes } = plans;
  const decoderFor = decodersOf(dialect);
  const returning = dialect.writes === 'returning';

  function run(session: Session, { statement, parameters }: Ready, call: DriverCall): Awaitable<SqlOutcome> {
    if (parameters.length > dialect.maxParameters) throw tooMany(parameters.length, dialect);
    call.onStatement?.(statement.sql);
    return execute(session, statement, parameters, call);
  }

  function read(
    session: Session,
    entity: EntityModel,
    ready: Ready,
    call: DriverCall,
    fields?: readonly string[],
  ): Awaitable<Row[]> {
    const decode = decoderFor(entity, fields);
    return chain(run(session, ready, call), ({ rows }) => rows.map(decode));
  }

  function match(session: Session, ready: Ready, call: DriverCall): Awaitable<{ matched: number }> {
    return chain(run(session, ready, call), ({ matched = 0 }) => ({ matched }));
  }

  const back = new ReadBack<Session>(plans, host, { read, match }, host.isMariadb);

  function rowsAtOnce({ fields }: EntityModel): number {
    const { maxParameters, rowsPerInsert } = dialect;
    return Math.max(1, Math.min(rowsPerInsert, Math.floor(maxParameters / fields.size)));
  }

  /** The INSERT of the rows from `start` on, as many of `most` as fit into it. */
  function insertOf(entity: EntityModel, rows: readonly Row[], start: number, most: number): Chunk {
    const chunk = start === 0 && rows.length <= most ? rows : rows.slice(start, start + most);
    const ready = writes.insert(entity, chunk, chunk.length === rowsAtOnce(entity));
    const count = fittingOf(dialect, ready.parameters, chunk.length);
    if (count === chunk.length) return { ready, count, next: Math.min(rowsAtOnce(entity), most * 2) };
    // The next ones are hardly smaller, and to encode more of them than fit would be done again and again.
    return { ready: writes.insert(entity, chunk.slice(0, count), false), count, next: count };
  }

  /** Several statements, all or none. */
  function insertInTurns(
    session: Session,
    entity: EntityModel,
    rows: readonly Row[],
    first: Chunk,
    call: DriverCall,
  ): Promise<undefined> {
    return back.together(session, call, async () => {
      let done = 0;
      for (let chunk = first; ; chunk = insertOf(entity, rows, done, chunk.next)) {
        await run(session, chunk.ready, call);
        done += chunk.count;
        if (done === rows.length) return undefined;
      }
    });
  }

  /** Inserts rows that lack what the database fills in, and answers them as they are stored. */
  async function insertGenerated(
    session: Session,
    entity: EntityModel,
    rows: readonly Row[],
    call: DriverCall,
  ): Promise<Row[]> {
    const size = rowsAtOnce(entity);
    const stored: Row[] = [];
    // MariaDB's INSERT has it.
    const answers = returning || host.isMariadb(session);
    const alike = (row: Row, other: Row): boolean =>
      entity.generated.every((name) => Object.hasOwn(row, name) === Object.hasOwn(other, name));
    while (answers && stored.length < rows.length) {
      const first = rows[stored.length] as Row;
      const next = rows.slice(stored.length, stored.length + size);
      const other = next.findIndex((row) => !alike(row, first));
      const chunk = other === -1 ? next : next.slice(0, other);
      // In the order of the values: one INSERT of VALUES goes through them one by one.
      stored.push(...(await read(session, entity, writes.insertPartly(entity, chunk, true), call)));
    }
    if (answers) return stored;
    return back.together(session, call, async () => {
      for (const row of rows) {
        const { insertId } = await run(session, writes.insertPartly(entity, [row], false), call);
        const where = and(identityOf(entity).map((name) => equals(name, row[name] ?? madeId(entity, name, insertId))));
        stored.push((await back.stored(session, entity, where, call)) as Row);
      }
      return stored;
    });
  }

  const steps: LockingSteps<Session> = {
    back,
    takenBy: host.takenBy,
    async insert(session, entity, row, call) {
      if (entity.generated.length > 0) return (await insertGenerated(session, entity, [row], call))[0] as Row;
      await run(session, writes.insert(entity, [row], false), call);
      return row;
    },
  };

  return {
    insertsAtOnce: dialect.rowsPerInsert,

    find: (session, entity, query, call) => read(session, entity, reads.select(entity, query), call, query.fields),

    count: (session, entity, where, call) =>
      chain(run(session, reads.count(entity, where), call), ({ rows }) => Number(rows[0]?.['n'])),

    aggregate(session, entity, query, call) {
      const decode = groupsOf(dialect, entity, query);
      return chain(run(session, reads.aggregate(entity, query), call), ({ rows }) => rows.map(decode));
    },

    insert(session, entity, rows, call) {
      if (entity.generated.length > 0) return insertGenerated(session, entity, rows, call);
      if (rows.length === 0) return undefined;
      const first = insertOf(entity, rows, 0, rowsAtOnce(entity));
      if (first.count < rows.length) return insertInTurns(session, entity, rows, first, call);
      const outcome = run(session, first.ready, call);
      return outcome instanceof Promise ? outcome.then(() => undefined) : undefined;
    },

    update: (session, entity, where, change, call) => match(session, writes.update(entity, where, change, false), call),

    updateOne(session, entity, where, change, call) {
      if (!returning) return back.change(session, entity, { where, change, place: idIn(entity, where) }, call);
      return chain(read(session, entity, writes.update(entity, where, change, true), call), ([row]) => row);
    },

    upsert(session, entity, key, row, change, call) {
      if (dialect.upsert === 'locking read') {
        return lockingUpsert(steps, session, entity, key, row, change, call);
      }
      const ready = writes.upsert(entity, key, row, change, returning);
      if (returning) return chain(read(session, entity, ready, call), ([stored]) => stored as Row);
      // Deleted rows may have the same key.
      const named = entity.deletedAt === undefined ? key : [...key, entity.deletedAt];
      const keyOf = (values: Row): Condition => and(named.map((name) => equals(name, values[name])));
      return back.together(session, call, async () => {
        await run(session, ready, call);
        const stored = await back.stored(session, entity, keyOf(row), call);
        // A patch may have changed the key itself.
        return (stored ?? (await back.stored(session, entity, keyOf({ ...row, ...change.set }), call))) as Row;
      });
    },

    delete: (session, entity, where, call) => match(session, writes.delete(entity, where), call),
  };
}

function tooMany(count: number, { maxParameters }: SqlDialect): Error {
  return databaseErrors.invalid_query(
    `The query has ${count} values; this database takes ${maxParameters} at most. Split long "in" lists.`,
  );
}

/** The part of a condition that fixes the row. */
function idIn(entity: EntityModel, where: Condition): Condition {
  const nodes = partsOf(where);
  return and(
    // Across tenants the tenant is not in it.
    identityOf(entity).flatMap((name) => nodes.find((node) => node.op === 'eq' && node.field === name) ?? []),
  );
}

/** All that must hold. */
function partsOf(where: Condition): readonly Condition[] {
  return where.op === 'and' ? where.nodes.flatMap(partsOf) : [where];
}

/** An id that the database has counted; of others it tells nothing without RETURNING. */
function madeId({ name: entity, fields }: EntityModel, name: string, insertId: bigint | undefined): unknown {
  const type = fields.get(name)?.type;
  if (insertId !== undefined && insertId !== 0n && type === 'bigint') return insertId;
  if (insertId !== undefined && insertId !== 0n && type === 'int') return Number(insertId);
  throw databaseErrors.unsupported(
    `${entity}: this database tells of no generated id but one that it counts; give "${name}" a value.`,
  );
}

/** How many of the rows whose values these are go into one INSERT; one at least. */
function fittingOf({ bytesPerInsert = Infinity }: SqlDialect, values: readonly unknown[], rows: number): number {
  if (rows === 1 || bytesPerInsert === Infinity) return rows;
  const fields = values.length / rows;
  let bytes = 0;
  for (let index = 0; index < values.length; index += 1) {
    bytes += bytesOf(values[index]);
    if (bytes > bytesPerInsert) return Math.max(1, Math.floor(index / fields));
  }
  return rows;
}

/** What a value takes as it is bound, or a bit more. */
function bytesOf(value: unknown): number {
  // A unit of UTF-16 takes three bytes of UTF-8 at the most.
  if (typeof value === 'string') return value.length * 3;
  return typeof value === 'object' && value instanceof Uint8Array ? value.byteLength : 9;
}
