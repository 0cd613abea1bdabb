#!/usr/bin/env node
// The program `ent-mq`. What it can do: `ent-mq --help`.
import { EntError } from '@ent/errors';
import { commandOf, readsEnvFile, runProgram, startProgram, type Terminal, UsageError } from '@ent/internal';
import { messagingErrors } from './errors.ts';
import { COMMANDS } from './internal/cli/commands.ts';
import { HELP, parse } from './internal/cli/usage.ts';
import { openMessaging } from './open.ts';

/**
 * Runs a command of `ent-mq`, and answers its exit code. It writes to the standard output and error of this process.
 *
 * @param argv without the program: `['lag', 'orders', 'mailer', '--url', 'redis://localhost']`
 * @throws `messaging.invalid_options` for what is no list of texts, and nothing else
 */
export async function main(argv: readonly string[]): Promise<number> {
  if (!Array.isArray(argv) || !argv.every((arg) => typeof arg === 'string')) {
    throw messagingErrors.invalid_options('main of ent-mq takes a list of texts.');
  }
  return runProgram('ent-mq', argv, (terminal, signal) => run(argv, terminal, signal), meaningOf);
}

async function run(argv: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  const { values, positionals } = parse(argv);
  const [name = '', ...args] = positionals;
  if (values.help === true || name === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const command = commandOf(COMMANDS, name);
  const url = values.url ?? (process.env['BROKER_URL'] || undefined);
  if (url === undefined) throw new UsageError(`Give --url, or set BROKER_URL. ${readsEnvFile('@ent/messaging')}.`);
  const messaging = await openMessaging(url, { source: 'ent-mq', timeout: values.timeout ?? '10s' });
  try {
    return await command({ messaging, values, terminal, signal }, args);
  } finally {
    await messaging.close({ timeout: '1s' }).catch(() => {});
  }
}

const USAGE_CODES = ['messaging.invalid_options', 'messaging.unknown_scheme', 'messaging.unsupported'];

function meaningOf(error: unknown): { readonly text: string; readonly code: number } {
  if (error instanceof UsageError) return { text: error.message, code: 2 };
  if (!EntError.is(error)) return { text: String(error), code: 3 };
  return { text: `${error.message} (${error.code})`, code: USAGE_CODES.includes(error.code) ? 2 : 3 };
}

startProgram(import.meta.filename, main);
