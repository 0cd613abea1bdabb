import { numberOption, parseCommandLine, refuseOptions, UsageError } from '@ent/internal';

export const HELP = `ent-db: looks after the schema of a database, by a folder of migrations.

  ent-db create NAME [--ts]      makes an empty migration: TIME_NAME.up.sql and TIME_NAME.down.sql, or TIME_NAME.ts
  ent-db up                      applies what is pending
  ent-db down [--steps N]        reverts the last N that were applied; default 1
  ent-db status                  where each migration stands; writes nothing, exit code 1 while one is pending
  ent-db dry-run                 the statements that up would send; writes nothing
  ent-db repair                  accepts applied migrations as they are now, after up has found them changed
  ent-db seed [NAME...]          runs all seeds, or those of these names
  ent-db types [--entities] [--schema NAME] [--out FILE]
                                 the interfaces of the tables for Kysely as TypeScript, or the entities

  --url URL         the database; default DATABASE_URL of the environment
  --dir FOLDER      the migrations, default ./migrations; for seed the seeds, default ./seeds
  --table NAME      what remembers the migrations that were applied; default ent_migrations
  --timeout TIME    how long each may take, waiting for other processes included; default 10m
  --json            each result as a line of JSON
  --help

Exit codes: 0 done, and nothing is pending; 1 not as it was asked (one is pending, or cannot be reverted);
2 a wrong command, URL or file; 3 the database failed or cannot be reached; 4 applied migrations have changed;
5 a migration or seed failed; 130 interrupted.
`;

const OPTIONS = {
  url: { type: 'string' },
  dir: { type: 'string' },
  table: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
  ts: { type: 'boolean' },
  steps: { type: 'string' },
  entities: { type: 'boolean' },
  schema: { type: 'string' },
  out: { type: 'string' },
} as const;

export type Values = ReturnType<typeof parse>['values'];

/** @throws UsageError */
export function parse(argv: readonly string[]) {
  return parseCommandLine(argv, OPTIONS);
}

/** What the line has besides its command. */
export interface Given {
  readonly values: Values;
  readonly args: readonly string[];
}

/** Refuses options and arguments that the command does not read. */
export function expectOnly(
  command: string,
  { values, args }: Given,
  known: readonly (keyof Values)[],
  mostArgs = 0,
): void {
  refuseOptions(command, values, ['url', 'json', 'help', ...known]);
  const other = args[mostArgs];
  if (other !== undefined) throw new UsageError(`${command} does not take "${other}".`);
}

/** How many steps, of at least 1. */
export function stepsOf({ steps }: Values): number {
  const number = numberOption('steps', steps) ?? 1;
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new UsageError(`--steps must be a whole number, 1 or more; got "${steps}".`);
}
