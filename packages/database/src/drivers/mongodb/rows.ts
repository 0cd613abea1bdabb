import { BSON, type Document, MongoServerError } from 'mongodb';
import type { Change, Condition, DriverCall, DriverRows, Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { and, equals, not } from '../../internal/conditions.ts';
import { fittingOf, updateOf } from './changes.ts';
import { type Codecs, keyOf } from './codec.ts';
import { isDuplicateKey } from './errors.ts';
import { groupsFrom, groupsOf, pipelineOf } from './groups.ts';
import { filterOf, fixesId, sortOf } from './filter.ts';
import type { Session } from './session.ts';
import { statementOf } from './statement.ts';

/** A command is one document of at most 16 MB, and what is around the rows must fit too. */
const MAX_INSERT_BYTES = 15 * 1024 * 1024;
/** Rows in one answer of the server, at most: it also ends one at 16 MB. */
const BATCH = 1000;

/** How `find` asks. */
interface Query {
  readonly sort?: Record<string, 1 | -1>;
  readonly limit?: number | undefined;
  readonly skip?: number;
  readonly fields?: readonly string[] | undefined;
}

/** Several commands as one, where the server has transactions; else one after the other. */
type Together = <R>(session: Session, call: DriverCall, work: () => Promise<R>) => Promise<R>;

/** What repositories do. */
export function rowsOf(codecs: Codecs, together: Together, groupsOnServer: () => boolean): DriverRows<Session> {
  function tell(call: DriverCall, operation: string, entity: EntityModel, ...parts: readonly Document[]): void {
    call.onStatement?.(statementOf(entity.table, operation, parts));
  }

  async function find(
    session: Session,
    entity: EntityModel,
    filter: Document,
    call: DriverCall,
    query: Query = {},
  ): Promise<Row[]> {
    tell(call, 'find', entity, filter, ...(query.sort === undefined ? [] : [query.sort]));
    const options = { ...session.with(call), projection: codecs.projection(entity, query.fields), batchSize: BATCH };
    const cursor = session.collection(entity.table).find(filter, options);
    if (query.sort !== undefined) cursor.sort(query.sort);
    if (query.limit !== undefined) cursor.limit(query.limit);
    if (query.skip !== undefined) cursor.skip(query.skip);
    const documents = await cursor.toArray();
    return documents.map((document) => codecs.row(entity, document, query.fields));
  }

  async function insertOne(session: Session, entity: EntityModel, row: Row, call: DriverCall): Promise<void> {
    tell(call, 'insertOne', entity);
    await session.collection(entity.table).insertOne(codecs.document(entity, row), session.with(call));
  }

  async function countBy(session: Session, entity: EntityModel, filter: Document, call: DriverCall): Promise<number> {
    tell(call, 'countDocuments', entity, filter);
    return Number(await session.collection(entity.table).countDocuments(filter, session.with(call)));
  }

  /** Refuses an addition that would not fit into one of the rows. */
  async function expectFits(
    session: Session,
    entity: EntityModel,
    filter: Document,
    fitting: readonly Document[],
    call: DriverCall,
  ): Promise<void> {
    const misfits = { $and: [filter, { $nor: [{ $and: fitting }] }] };
    if (fitting.length > 0 && (await countBy(session, entity, misfits, call)) > 0) throw overflow(entity);
  }

  /**
   * Changes one document by a filter that it passes only while the additions fit; where none did, it says whether one
   * was refused by that.
   */
  async function guarded<R>(
    session: Session,
    entity: EntityModel,
    where: Condition,
    change: Change,
    call: DriverCall,
    attempt: (filter: Document, update: Document) => Promise<R | undefined>,
  ): Promise<R | undefined> {
    const filter = filterOf(codecs, entity, where);
    const fitting = fittingOf(codecs, entity, change);
    const update = updateOf(codecs, entity, change);
    for (;;) {
      const done = await attempt(fitting.length === 0 ? filter : { $and: [filter, ...fitting] }, update);
      if (done !== undefined || fitting.length === 0) return done;
      if ((await countBy(session, entity, filter, call)) === 0) return undefined;
      await expectFits(session, entity, filter, fitting, call);
      // It was changed in between, and fits now.
    }
  }

  const changeOne: DriverRows<Session>['updateOne'] = (session, entity, where, change, call) =>
    guarded(session, entity, where, change, call, async (filter, update) => {
      tell(call, 'findOneAndUpdate', entity, filter, update);
      // Without a projection, which FerretDB does not know here; the row takes the fields of the entity.
      const options = { ...session.with(call), returnDocument: 'after' } as const;
      const document = await session.collection(entity.table).findOneAndUpdate(filter, update, options);
      return document === null ? undefined : codecs.row(entity, document);
    });

  /** A soft-deleted row with this key makes way. Answers whether there was one. */
  async function clear(session: Session, entity: EntityModel, where: Condition, call: DriverCall): Promise<boolean> {
    const filter = filterOf(codecs, entity, where);
    tell(call, 'deleteOne', entity, filter);
    const { deletedCount } = await session.collection(entity.table).deleteOne(filter, session.with(call));
    return deletedCount > 0;
  }

  return {
    async find(session, entity, { where, order, limit, offset, fields }, call) {
      // To MongoDB a limit of 0 is none.
      if (limit === 0) return [];
      const filter = filterOf(codecs, entity, where);
      return find(session, entity, filter, call, {
        fields,
        ...(order.length > 0 && { sort: sortOf(entity, order) }),
        ...(limit !== undefined && { limit }),
        ...(offset !== undefined && offset > 0 && { skip: offset }),
      });
    },

    async aggregate(session, entity, query, call) {
      const filter = filterOf(codecs, entity, query.where);
      const collection = session.collection(entity.table);
      if (groupsOnServer()) {
        const pipeline = pipelineOf(entity, filter, query);
        tell(call, 'aggregate', entity, ...pipeline);
        return groupsFrom(codecs, entity, query, await collection.aggregate(pipeline, session.with(call)).toArray());
      }
      const fields = [...new Set([...query.by, ...query.values.flatMap(({ field }) => field ?? [])])];
      // FerretDB's $group knows $sum and $count alone.
      return groupsOf(entity, query, await find(session, entity, filter, call, { fields: [...entity.id, ...fields] }));
    },

    count: (session, entity, where, call) => countBy(session, entity, filterOf(codecs, entity, where), call),

    async insert(session, entity, rows, call) {
      const [first] = rows;
      if (rows.length === 1 && first !== undefined) {
        await insertOne(session, entity, first, call);
        return undefined;
      }
      for (const documents of batchesOf(rows.map((row) => codecs.document(entity, row)))) {
        tell(call, 'insertMany', entity);
        // As a command: the library's own insertMany forgets which key was taken.
        const command = { insert: entity.table, documents, ordered: true };
        const { writeErrors } = await session.command(command, call);
        const [failure] = (writeErrors ?? []) as Document[];
        if (failure !== undefined) throw new MongoServerError(failure);
      }
      return undefined;
    },

    async update(session, entity, where, change, call) {
      const collection = session.collection(entity.table);
      if (fixesId(entity, where)) {
        const one = await guarded(session, entity, where, change, call, async (filter, update) => {
          tell(call, 'updateOne', entity, filter, update);
          const { matchedCount } = await collection.updateOne(filter, update, session.with(call));
          return matchedCount > 0 ? true : undefined;
        });
        return { matched: one === true ? 1 : 0 };
      }
      const filter = filterOf(codecs, entity, where);
      const fitting = fittingOf(codecs, entity, change);
      const update = updateOf(codecs, entity, change);
      return together(session, call, async () => {
        await expectFits(session, entity, filter, fitting, call);
        tell(call, 'updateMany', entity, filter, update);
        const { matchedCount } = await collection.updateMany(
          { $and: [filter, ...fitting] },
          update,
          session.with(call),
        );
        return { matched: matchedCount };
      });
    },

    updateOne: changeOne,

    async upsert(session, entity, key, row, change, call) {
      const { deletedAt } = entity;
      const keyed = and(key.map((field) => equals(field, row[field])));
      const living = deletedAt === undefined ? keyed : and([keyed, equals(deletedAt, null)]);
      for (;;) {
        const changed = await changeOne(session, entity, living, change, call);
        if (changed !== undefined) return changed;
        if (deletedAt !== undefined && key.length === 1 && entity.id.length === 1 && key[0] === entity.id[0]) {
          const gone = filterOf(codecs, entity, and([keyed, not(equals(deletedAt, null))]));
          tell(call, 'findOneAndReplace', entity, gone);
          const options = { ...session.with(call), returnDocument: 'after' } as const;
          const { _id: _same, ...values } = codecs.document(entity, row);
          const replaced = await session.collection(entity.table).findOneAndReplace(gone, values, options);
          if (replaced !== null) return codecs.row(entity, replaced);
        }
        try {
          await insertOne(session, entity, row, call);
          return row;
        } catch (error) {
          if (!isDuplicateKey(error)) throw error;
          if (session.transaction !== undefined) {
            // The server has ended it by that. A row of this very key was committed after the transaction's snapshot.
            if (deletedAt === undefined && isOfKey(error, entity, key)) throw overtaken(entity);
            throw error;
          }
          // Somebody has inserted it meanwhile; or a row that is deleted, or has another key of it, is in the way.
          if ((await countBy(session, entity, filterOf(codecs, entity, living), call)) > 0) continue;
          if (deletedAt === undefined) throw error;
          if (!(await clear(session, entity, and([keyed, not(equals(deletedAt, null))]), call))) throw error;
        }
      }
    },

    async delete(session, entity, where, call) {
      const filter = filterOf(codecs, entity, where);
      const collection = session.collection(entity.table);
      if (fixesId(entity, where)) {
        tell(call, 'deleteOne', entity, filter);
        return { matched: (await collection.deleteOne(filter, session.with(call))).deletedCount };
      }
      return together(session, call, async () => {
        tell(call, 'deleteMany', entity, filter);
        return { matched: (await collection.deleteMany(filter, session.with(call))).deletedCount };
      });
    },
  };
}

/** As many documents as fit into a command. */
function* batchesOf(documents: readonly Document[]): Generator<Document[]> {
  let batch: Document[] = [];
  let bytes = 0;
  for (const document of documents) {
    const size = BSON.calculateObjectSize(document);
    if (batch.length > 0 && bytes + size > MAX_INSERT_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(document);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** Whether it is this key that is taken. */
function isOfKey(error: unknown, entity: EntityModel, key: readonly string[]): boolean {
  const { keyPattern } = error as { keyPattern?: Document };
  const taken = Object.keys(keyPattern ?? {});
  return taken.length === key.length && key.every((field) => taken.includes(keyOf(entity, field)));
}

function overtaken(entity: EntityModel): Error {
  return databaseErrors.serialization_failure(`${entity.name}.upsert: another transaction has inserted the row.`, {
    details: { entity: entity.name },
  });
}

function overflow(entity: EntityModel): Error {
  return databaseErrors.bad_data(`${entity.name}: a sum does not fit its field, or would be rounded.`, {
    details: { entity: entity.name },
  });
}
