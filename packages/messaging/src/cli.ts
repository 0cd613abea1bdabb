#!/usr/bin/env node
// The program `ent-mq`. What it can do: `ent-mq --help`.
import { existsSync, realpathSync } from 'node:fs';
import { EntError } from '@ent/errors';
import { messagingErrors } from './errors.ts';
import { COMMANDS } from './internal/cli/commands.ts';
import { Terminal } from './internal/cli/terminal.ts';
import { HELP, parse, UsageError } from './internal/cli/usage.ts';
import type { Messaging } from './messaging.ts';
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
  const terminal = new Terminal(argv.includes('--json'));
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  let messaging: Messaging | undefined;
  try {
    const { values, positionals } = parse(argv);
    const [name = '', ...args] = positionals;
    if (values.help === true || name === 'help') {
      process.stdout.write(HELP);
      return 0;
    }
    const command = COMMANDS[name];
    if (!command) throw new UsageError(name === '' ? 'Say what to do.' : `There is no command "${name}".`);
    const url = values.url ?? process.env['BROKER_URL'];
    if (url === undefined) throw new UsageError('Give --url, or set BROKER_URL.');
    messaging = await openMessaging(url, { source: 'ent-mq', timeout: values.timeout ?? '10s' });
    const code = await command({ messaging, values, terminal, signal: interrupted.signal }, args);
    return interrupted.signal.aborted ? INTERRUPTED : code;
  } catch (error) {
    if (interrupted.signal.aborted) return INTERRUPTED;
    terminal.complain(textOf(error));
    return isUsage(error) ? 2 : 3;
  } finally {
    await messaging?.close({ timeout: '1s' }).catch(() => {});
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

const INTERRUPTED = 130;
const USAGE_CODES = ['messaging.invalid_options', 'messaging.unknown_scheme', 'messaging.unsupported'];

function isUsage(error: unknown): boolean {
  return error instanceof UsageError || (EntError.is(error) && USAGE_CODES.includes(error.code));
}

function textOf(error: unknown): string {
  if (error instanceof UsageError) return `${error.message} See ent-mq --help.`;
  return EntError.is(error) ? `${error.message} (${error.code})` : String(error);
}

/** Whether this file is the program, and not imported: npm's link to it is another path. */
function isProgram(): boolean {
  const [, program] = process.argv;
  return program !== undefined && existsSync(program) && realpathSync(program) === import.meta.filename;
}

// Without a top-level await, or it could not be required.
if (isProgram()) {
  void main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
