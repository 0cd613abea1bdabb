#!/usr/bin/env node
// The program `ent-db`. What it can do: `ent-db --help`.
import { EntError } from '@ent/errors';
import { commandOf, runProgram, startProgram, type Terminal, UsageError } from '@ent/internal';
import { databaseErrors } from './errors.ts';
import { COMMANDS, DRIFT } from './internal/cli/commands.ts';
import { HELP, parse } from './internal/cli/usage.ts';

/**
 * Runs a command of `ent-db`, and answers its exit code. It writes to the standard output and error of this process.
 *
 * @param argv without the program: `['up', '--dir', 'migrations', '--url', 'sqlite:app.db']`
 * @throws `database.invalid_definition` for what is no list of texts, and nothing else
 */
export async function main(argv: readonly string[]): Promise<number> {
  if (!Array.isArray(argv) || !argv.every((arg) => typeof arg === 'string')) {
    throw databaseErrors.invalid_definition('main of ent-db takes a list of texts.');
  }
  return runProgram('ent-db', argv, (terminal, signal) => run(argv, terminal, signal), meaningOf);
}

async function run(argv: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  const { values, positionals } = parse(argv);
  const [name = '', ...args] = positionals;
  if (values.help === true || name === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  return commandOf(COMMANDS, name)({ values, args, terminal, signal });
}

const FAILED = 3;
const CODES = new Map<string, number>([
  [databaseErrors.migration_irreversible.code, 1],
  [databaseErrors.invalid_definition.code, 2],
  [databaseErrors.invalid_query.code, 2],
  [databaseErrors.unsupported.code, 2],
  [databaseErrors.migration_drift.code, DRIFT],
  [databaseErrors.migration_failed.code, 5],
  [databaseErrors.seed_failed.code, 5],
]);

function meaningOf(error: unknown): { readonly text: string; readonly code: number } {
  if (error instanceof UsageError) return { text: error.message, code: 2 };
  if (!EntError.is(error)) return { text: String(error), code: FAILED };
  const text = `${error.message} (${error.code})`;
  const { cause } = error;
  // What the database said of a file, or what code threw, where the message does not have it already.
  const why = cause instanceof Error && !text.includes(cause.message) ? `\n  ${cause.message}` : '';
  return { text: text + why, code: CODES.get(error.code) ?? FAILED };
}

startProgram(import.meta.filename, main);
