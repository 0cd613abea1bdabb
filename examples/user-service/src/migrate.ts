// Brings the database up to date and ends: for a job that runs before the instances of a new version. They do so
// themselves too when they start, one at a time, and find it done.
import { ConfigurationError } from '@ent/errors';
import { openDatabase } from '@ent/database/open';
import { createLogger } from '@ent/logging';
import { databaseConfig } from './config.ts';
import { migratorOf } from './migrations.ts';

/** sysexits.h: see main.ts. */
const EX_CONFIG = 78;

function readUrl(): string {
  try {
    return databaseConfig.get().DATABASE_URL;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    console.error(error.message);
    process.exit(EX_CONFIG);
  }
}

const url = readUrl();
const logger = createLogger({ service: { name: 'user-service' }, logUncaught: true });
try {
  const db = await openDatabase(url);
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
