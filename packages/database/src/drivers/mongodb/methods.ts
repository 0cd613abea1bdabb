import type { Collection } from 'mongodb';

/** Methods of a collection that answer with a promise and can join a transaction. */
export type MethodName = keyof Pick<
  Collection,
  | 'insertOne'
  | 'insertMany'
  | 'updateOne'
  | 'updateMany'
  | 'replaceOne'
  | 'deleteOne'
  | 'deleteMany'
  | 'bulkWrite'
  | 'findOne'
  | 'findOneAndUpdate'
  | 'findOneAndReplace'
  | 'findOneAndDelete'
  | 'countDocuments'
  | 'distinct'
  | 'createIndex'
  | 'createIndexes'
  | 'dropIndex'
  | 'drop'
>;

interface Method {
  readonly use: 'read' | 'write';
  /** Which parameter the options are. */
  readonly options: number;
  /** What it is called with is no data: it is told whole. */
  readonly isSchema: boolean;
}

const read = (options: number): Method => ({ use: 'read', options, isSchema: false });
const write = (options: number): Method => ({ use: 'write', options, isSchema: false });
const schema = (options: number): Method => ({ use: 'write', options, isSchema: true });

export const METHODS: Readonly<Record<MethodName, Method>> = {
  insertOne: write(1),
  insertMany: write(1),
  updateOne: write(2),
  updateMany: write(2),
  replaceOne: write(2),
  deleteOne: write(1),
  deleteMany: write(1),
  bulkWrite: write(1),
  findOne: read(1),
  findOneAndUpdate: write(2),
  findOneAndReplace: write(2),
  findOneAndDelete: write(1),
  countDocuments: read(1),
  distinct: read(2),
  createIndex: schema(2),
  createIndexes: schema(1),
  dropIndex: schema(1),
  drop: schema(0),
};

const updated = (): unknown => ({
  acknowledged: true,
  matchedCount: 0,
  modifiedCount: 0,
  upsertedCount: 0,
  upsertedId: null,
});
const deleted = (): unknown => ({ acknowledged: true, deletedCount: 0 });
const none = (): null => null;

/** What each answers where there is nothing. */
export const emptyAnswers: Readonly<Record<MethodName, (parameters: readonly unknown[]) => unknown>> = {
  insertOne: () => ({ acknowledged: true, insertedId: null }),
  insertMany: () => ({ acknowledged: true, insertedCount: 0, insertedIds: {} }),
  updateOne: updated,
  updateMany: updated,
  replaceOne: updated,
  deleteOne: deleted,
  deleteMany: deleted,
  bulkWrite: () => ({ insertedCount: 0, matchedCount: 0, modifiedCount: 0, deletedCount: 0, upsertedCount: 0 }),
  findOne: none,
  findOneAndUpdate: none,
  findOneAndReplace: none,
  findOneAndDelete: none,
  countDocuments: () => 0,
  distinct: () => [],
  createIndex: () => '',
  createIndexes: () => [],
  dropIndex: () => ({ ok: 1 }),
  drop: () => true,
};
