// Brings the database up to date and ends: for a job that runs before the instances of a new version. They do so
// themselves too when they start, one at a time, and find it done.
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { createLogger } from '@ent/logging';
import { databaseConfig } from './config.ts';
import { migratorOf } from './migrations.ts';
import { settingsOf } from './run.ts';

const { DATABASE_URL } = settingsOf(databaseConfig);
const logger = createLogger({ service: { name: 'order-service' }, logUncaught: true });
try {
  const db = await openDatabase<SqlNative>(DATABASE_URL);
  try {
    const applied = await migratorOf(db).up();
    if (applied.length > 0) logger.info('the database schema was brought up to date', { applied });
    else logger.info('the database schema is up to date');
  } finally {
    await db.close();
  }
} catch (err) {
  logger.critical('the database schema could not be brought up to date', { err });
  process.exitCode = 1;
}
await logger.close();
