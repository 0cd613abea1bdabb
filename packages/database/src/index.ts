export type { Aggregate, Aggregated, AggregateOptions, Aggregates, GroupOptions } from './aggregates.ts';
export {
  channels,
  type ConnectionOperation,
  type PoolReport,
  type PoolsQuestion,
  poolsChannel,
  type QueryOperation,
  type ReplicaOperation,
  type TransactionOperation,
} from './channels.ts';
export { createDatabase, type Database } from './database.ts';
export type {
  AggregateValue,
  Awaitable,
  BeginOptions,
  Change,
  Condition,
  DatabaseDriver,
  DatabaseFeatures,
  DriverAggregate,
  DriverCall,
  DriverFailure,
  DriverPool,
  DriverQuery,
  DriverRows,
  DriverSchema,
  DriverSessions,
  DriverTransactions,
  IsolationLevel,
  NativeRunner,
  Order,
  PoolStats,
  Row,
  Unlock,
} from './driver.ts';
export {
  defineEntity,
  type Entity,
  type EntityDefinition,
  type EntityField,
  type EntityModel,
  type EntityOf,
  type Fields,
  type IdOf,
  type NewOf,
} from './entity.ts';
export { databaseErrors, isUniqueViolation } from './errors.ts';
export {
  type Field,
  type FieldSpec,
  type FieldStorage,
  type FieldType,
  generated,
  type NativeType,
  nullable,
  stored,
  typed,
} from './field.ts';
export { loadMigrations } from './folder.ts';
export { uuidv7 } from './internal/uuid.ts';
export {
  defineMigrations,
  type MigrateOptions,
  type Migration,
  type MigrationProgress,
  type MigrationStatus,
  type Migrator,
  type MigratorOptions,
  type PlannedMigration,
} from './migrations.ts';
export { createMigrator } from './migrator.ts';
export type { CallOptions, DatabaseOptions, Duration, TransactionOptions } from './options.ts';
export type {
  CountOptions,
  DeleteManyOptions,
  DeleteOptions,
  Filter,
  FindOptions,
  GetOptions,
  Operators,
  Patch,
  ReadOptions,
  SelectOptions,
  Sort,
  StreamOptions,
  UpdateManyOptions,
  UpdateOptions,
  Window,
  WindowOptions,
} from './query.ts';
export type { Repository, RepositoryOf } from './repository.ts';
export { defineSeeds, loadSeeds, runSeeds, type Seed, type SeedOptions, type SeedProgress } from './seeds.ts';
export { acrossTenants, currentTenant, type Tenant, withTenant } from './tenants.ts';
