// A program for the terminal: `node cli.ts --text="buy milk"` keeps a note, and `node cli.ts` shows them.
import { defineConfig, url } from '@ent/config';
import { createMigrator, defineEntity, defineMigrations } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { createLogger } from '@ent/logging';
import { z } from 'zod';

const schema = z.object({
  DATABASE_URL: url({ protocols: ['sqlite', 'postgres'] }).default('sqlite:./notes.db'),
  TEXT: z.string().optional(),
});
const settings = defineConfig(schema, { argv: true }).get();
const notes = defineEntity({ name: 'notes', fields: { id: 'string', text: 'string', at: 'date' }, createdAt: 'at' });
const migrations = defineMigrations<SqlNative>([
  {
    name: '0001_notes',
    up: ({ kysely, columns }) =>
      kysely.schema
        .createTable('notes')
        .addColumn('id', columns.id, (column) => column.primaryKey())
        .addColumn('text', columns.string, (column) => column.notNull())
        .addColumn('at', columns.date, (column) => column.notNull())
        .execute(),
    down: ({ kysely }) => kysely.schema.dropTable('notes').execute(),
  },
]);

// What is printed is for whoever asked; what is logged is about the program.
const logger = createLogger({ level: 'warning', service: { name: 'notes' } });
const db = await openDatabase<SqlNative>(settings.DATABASE_URL);
try {
  await createMigrator(db, migrations).up();
  if (settings.TEXT !== undefined) await db.repo(notes).insert({ text: settings.TEXT });
  else
    for (const { at, text } of await db.repo(notes).find({ sort: [['at', 'asc']] }))
      console.log(at.toISOString(), text);
} catch (err) {
  logger.error('the notes cannot be had', { err });
  process.exitCode = 1;
} finally {
  await db.close();
  await logger.close();
}
