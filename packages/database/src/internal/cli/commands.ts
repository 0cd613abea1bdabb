import { writeFile } from 'node:fs/promises';
import { durationOption, readsEnvFile, requiredArgument, type Terminal, UsageError } from '@ent/internal';
import type { Database } from '../../database.ts';
import { databaseErrors } from '../../errors.ts';
import { loadMigrations } from '../../folder.ts';
import {
  LEDGER,
  type MigrateOptions,
  type MigrationProgress,
  type MigrationStatus,
  type Migrator,
} from '../../migrations.ts';
import { createMigrator } from '../../migrator.ts';
import { openDatabase } from '../../open.ts';
import { loadSeeds, runSeeds, type SeedProgress } from '../../seeds.ts';
import { createMigration } from './create.ts';
import { expectOnly, type Given, stepsOf, type Values } from './usage.ts';

/** What a command works with. */
export interface Work extends Given {
  readonly terminal: Terminal;
  /** Aborts when somebody interrupts. */
  readonly signal: AbortSignal;
}

/** Answers the exit code. */
type Command = (work: Work) => Promise<number>;

const PENDING = 1;
export const DRIFT = 4;

const create: Command = async ({ terminal, ...given }) => {
  expectOnly('create', given, ['dir', 'ts'], 1);
  const { values, args } = given;
  const name = requiredArgument(args[0], 'NAME', 'create');
  const isMongodb = /^mongodb(?:\+srv)?:/i.test(urlOf(values) ?? '');
  const code = isMongodb ? 'mongodb' : values.ts === true ? 'sql' : undefined;
  for (const file of await createMigration(values.dir ?? './migrations', name, code)) terminal.result({ file }, file);
  return 0;
};

const up: Command = (work) => {
  expectOnly('up', work, MIGRATING);
  return migrating(work, async (migrator, options) => {
    const done = await migrator.up(options);
    if (done.length === 0) work.terminal.complain('nothing is pending.');
    return 0;
  });
};

const down: Command = (work) => {
  expectOnly('down', work, [...MIGRATING, 'steps']);
  const steps = stepsOf(work.values);
  return migrating(work, async (migrator, options) => {
    const done = await migrator.down({ ...options, steps });
    if (done.length === 0) work.terminal.complain('nothing was applied.');
    return 0;
  });
};

const status: Command = (work) => {
  expectOnly('status', work, MIGRATING);
  return migrating(work, async (migrator, options) => {
    const all = await migrator.status(options);
    work.terminal.table(all.map(({ name, state, appliedAt }) => ({ name, state, appliedAt })));
    const is = (wanted: MigrationStatus['state']): boolean => all.some(({ state }) => state === wanted);
    return is('changed') ? DRIFT : is('pending') ? PENDING : 0;
  });
};

const dryRun: Command = (work) => {
  expectOnly('dry-run', work, MIGRATING);
  return migrating(work, async (migrator, options) => {
    for (const planned of await migrator.dryRun(options)) {
      work.terminal.result(planned, [`-- ${planned.name}`, ...planned.statements.map(ended), ''].join('\n'));
    }
    return 0;
  });
};

const repair: Command = (work) => {
  expectOnly('repair', work, MIGRATING);
  return migrating(work, async (migrator, options) => {
    const names = await migrator.repair(options);
    for (const name of names) work.terminal.result({ name }, `accepted ${name}`);
    if (names.length === 0) work.terminal.complain('nothing had changed.');
    return 0;
  });
};

const seed: Command = async (work) => {
  const { values, args, terminal, signal } = work;
  expectOnly('seed', work, ['dir', 'timeout'], Infinity);
  const timeout = timeoutOf(values);
  const seeds = await loadSeeds(values.dir ?? './seeds');
  return opened(values, async (db) => {
    const only = args.length > 0 ? args : undefined;
    await runSeeds(db, seeds, { signal, timeout, only, onProgress: teller(terminal) });
    return 0;
  });
};

const types: Command = (work) => {
  const { values, terminal } = work;
  expectOnly('types', work, ['entities', 'schema', 'out', 'table']);
  return opened(values, async (db) => {
    // It needs Kysely, which is not there for MongoDB.
    const { schemaText } = await import('../schema/write.ts');
    const what = values.entities === true ? 'entities' : 'interfaces';
    const text = await schemaText(db, { what, schema: values.schema, without: [values.table ?? LEDGER] });
    const { out } = values;
    if (out === undefined) {
      terminal.result({ text }, text.trimEnd());
      return 0;
    }
    await writeFile(out, text).catch((error: unknown) => {
      throw new UsageError(`${out} cannot be written: ${String((error as Error).message)}.`);
    });
    terminal.result({ file: out }, out);
    return 0;
  });
};

export const COMMANDS: Readonly<Record<string, Command>> = {
  create,
  up,
  down,
  status,
  'dry-run': dryRun,
  repair,
  seed,
  types,
};

const MIGRATING = ['dir', 'table', 'timeout'] as const;

async function migrating(
  { values, terminal, signal }: Work,
  work: (migrator: Migrator, options: MigrateOptions) => Promise<number>,
): Promise<number> {
  const { table } = values;
  const timeout = timeoutOf(values);
  const migrations = await loadMigrations(values.dir ?? './migrations');
  return opened(values, (db) =>
    work(createMigrator(db, migrations, { table, timeout }), { signal, onProgress: teller(terminal) }),
  );
}

/** Opens the database, and closes it whatever happens. */
async function opened(values: Values, work: (db: Database) => Promise<number>): Promise<number> {
  const url = urlOf(values);
  if (url === undefined) throw new UsageError(`Give --url, or set DATABASE_URL. ${readsEnvFile('@ent/database')}.`);
  const db = await openDatabase(url);
  try {
    return await work(db);
  } finally {
    await db.close({ timeout: '5s' }).catch(() => {});
  }
}

function urlOf({ url }: Values): string | undefined {
  return url ?? (process.env['DATABASE_URL'] || undefined);
}

function timeoutOf({ timeout }: Values): Values['timeout'] {
  durationOption(timeout ?? '10m', 'ent-db: --timeout', databaseErrors.invalid_definition);
  return timeout;
}

const WORDS = { up: ['applying', 'applied'], down: ['reverting', 'reverted'], run: ['running', 'ran'] } as const;

/** Results as they come, and for whom it waits once for each. */
function teller(terminal: Terminal): (progress: MigrationProgress | SeedProgress) => void {
  let told: string | undefined;
  let beganAt = 0;
  return (progress) => {
    if (progress.state === 'waiting') {
      if (progress.for !== told) terminal.complain(`waiting for ${progress.for}`);
      told = progress.for;
      return;
    }
    const { state, name, number, total } = progress;
    const direction = 'direction' in progress ? progress.direction : undefined;
    const [doing, done] = WORDS[direction ?? 'run'];
    if (state === 'begun') {
      beganAt = performance.now();
      terminal.step(`${doing} ${name},`, number, total);
      return;
    }
    const ms = Math.round(performance.now() - beganAt);
    terminal.result({ name, direction, ms }, `${done} ${name} (${ms} ms)`);
  };
}

/** As one could run it: a text of several has its last semicolon perhaps. */
function ended(statement: string): string {
  const text = statement.trimEnd();
  return text.endsWith(';') ? text : `${text};`;
}
