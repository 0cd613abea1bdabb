import type { Document } from 'mongodb';
import type { DriverCall } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import type { FieldType } from '../../field.ts';
import { fieldOf, keyOf } from './codec.ts';
import { isNotImplemented } from './errors.ts';
import type { Session } from './session.ts';

/** How the types are called in filters. https://www.mongodb.com/docs/manual/reference/operator/query/type/ */
const BSON_TYPES: Readonly<Record<FieldType, string | readonly string[]>> = {
  string: 'string',
  int: 'number',
  bigint: 'number',
  decimal: ['decimal', 'string'],
  double: 'number',
  boolean: 'bool',
  date: 'date',
  json: ['object', 'array', 'string', 'number', 'bool', 'binData'],
  bytes: 'binData',
};

/** Makes the unique keys of an entity, and its collection by that. */
export async function createCollection(session: Session, entity: EntityModel, call: DriverCall): Promise<void> {
  const { table } = entity;
  const collection = session.collection(table);
  // That of a single id is MongoDB's own.
  const keys = entity.id.length > 1 ? [entity.id, ...entity.unique] : entity.unique;
  if (keys.length === 0) await createEmpty(session, table, call);
  for (const key of keys) {
    const name = `${table}_${key.map((field) => keyOf(entity, field)).join('_')}_key`;
    const fields = Object.fromEntries(key.map((field) => [keyOf(entity, field), 1]));
    const partial = key === entity.id ? undefined : partialOf(entity, key);
    call.onStatement?.(`${table}.createIndex ${JSON.stringify(fields)}`);
    const options = { unique: true, name };
    try {
      const index = partial === undefined ? options : { ...options, partialFilterExpression: partial };
      await collection.createIndex(fields, index, session.with(call));
    } catch (error) {
      const { deletedAt } = entity;
      // FerretDB has no partial indexes; there, a row that is deleted has a key of its own by the time of that.
      if (partial === undefined || deletedAt === undefined || !isNotImplemented(error)) throw error;
      await collection.createIndex({ ...fields, [keyOf(entity, deletedAt)]: 1 }, options, session.with(call));
    }
  }
}

/** To MongoDB null is a value like others, so that a unique key could be null once: such rows stay out of it. */
function partialOf(entity: EntityModel, key: readonly string[]): Document | undefined {
  const { deletedAt } = entity;
  const partial: Document = {};
  if (deletedAt !== undefined) partial[keyOf(entity, deletedAt)] = null;
  for (const name of key) {
    const { nullable, type, as } = fieldOf(entity, name);
    if (nullable) partial[keyOf(entity, name)] = { $type: as === 'objectId' ? 'objectId' : BSON_TYPES[type] };
  }
  return Object.keys(partial).length === 0 ? undefined : partial;
}

/** Whether there is a collection for an entity. */
export async function hasCollection(session: Session, { table }: EntityModel, call: DriverCall): Promise<boolean> {
  const command = { listCollections: 1, filter: { name: table }, nameOnly: true, authorizedCollections: true };
  const { cursor } = await session.command(command, call);
  return (cursor as { readonly firstBatch: readonly unknown[] }).firstBatch.length > 0;
}

const EXISTS = 48;

async function createEmpty(session: Session, name: string, call: DriverCall): Promise<void> {
  call.onStatement?.(`${name}.create`);
  try {
    await session.command({ create: name }, call);
  } catch (error) {
    if ((error as { code?: unknown }).code !== EXISTS) throw error;
  }
}
