export { channels, type QueryOperation, type TransactionOperation } from './channels.ts';
export { createDatabase, type Database } from './database.ts';
export type {
  Awaitable,
  BeginOptions,
  CallContext,
  Change,
  Classification,
  Condition,
  DatabaseDriver,
  DatabaseFeatures,
  DriverQuery,
  IsolationLevel,
  NativeRunner,
  Order,
  PoolStats,
  Row,
} from './driver.ts';
export {
  defineEntity,
  type Entity,
  type EntityDefinition,
  type EntityField,
  type EntityModel,
  type EntityOf,
  type Field,
  type Fields,
  type FieldSpec,
  type FieldType,
  type NewOf,
  nullable,
  typed,
} from './entity.ts';
export { databaseErrors, isUniqueViolation } from './errors.ts';
export { uuidv7 } from './internal/uuid.ts';
export {
  createMigrator,
  defineMigrations,
  type MigrateOptions,
  type Migration,
  type MigrationStatus,
  type Migrator,
  type MigratorOptions,
  type PlannedMigration,
} from './migrations.ts';
export type { CallOptions, DatabaseOptions, TransactionOptions } from './options.ts';
export type {
  DeleteOptions,
  Filter,
  FindOptions,
  Operators,
  Patch,
  ReadOptions,
  Sort,
  StreamOptions,
  UpdateOptions,
  Window,
  WindowOptions,
} from './query.ts';
export type { Repository } from './repository.ts';
