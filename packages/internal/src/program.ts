import { existsSync, realpathSync } from 'node:fs';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { Terminal } from './terminal.ts';

/** What is wrong with a command line. */
export class UsageError extends Error {}

/** A command line, taken apart. @throws {@link UsageError} */
export function parseCommandLine<const Options extends ParseArgsOptionsConfig>(
  argv: readonly string[],
  options: Options,
) {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
    return { values, positionals };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Refuses options that a command does not read. */
export function refuseOptions(command: string, values: object, known: readonly string[]): void {
  for (const name of Object.keys(values)) {
    if (!known.includes(name)) throw new UsageError(`${command} has no option --${name}.`);
  }
}

/** The command of a name. @throws {@link UsageError} for a name of none */
export function commandOf<Command>(commands: Readonly<Record<string, Command>>, name: string): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command;
  throw new UsageError(name === '' ? 'Say what to do.' : `There is no command "${name}".`);
}

/** The number of an option, of at least 0; undefined where it is not given. */
export function numberOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text.trim() === '' || !(number >= 0)) throw new UsageError(`--${name} must be a number; got "${text}".`);
  return number;
}

/** A positional argument that must be there. */
export function requiredArgument(value: string | undefined, name: string, command: string): string {
  if (value === undefined) throw new UsageError(`${command} needs ${name}.`);
  return value;
}

/** How a `.env` file is read by a program of ours, for the error that a variable is not set. */
export function readsEnvFile(module: string): string {
  return `A .env file is read by: node --env-file=.env node_modules/${module}/dist/cli.js`;
}

/** The exit code of what SIGINT or SIGTERM has ended. */
const INTERRUPTED = 130;

/**
 * Runs a program, and answers its exit code. `signal` aborts when somebody interrupts, once; the second time the
 * process ends as it would without us.
 *
 * @param name of the program, before each of its messages
 * @param meaning what is told of an error, and the exit code
 */
export async function runProgram(
  name: string,
  argv: readonly string[],
  work: (terminal: Terminal, signal: AbortSignal) => Promise<number>,
  meaning: (error: unknown) => { readonly text: string; readonly code: number },
): Promise<number> {
  const terminal = new Terminal(name, argv.includes('--json'));
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  try {
    const code = await work(terminal, interrupted.signal);
    return interrupted.signal.aborted ? INTERRUPTED : code;
  } catch (error) {
    if (interrupted.signal.aborted) return INTERRUPTED;
    const { text, code } = meaning(error);
    terminal.complain(error instanceof UsageError ? `${error.message} See ${name} --help.` : text);
    return code;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

/**
 * Runs `main` where `file` is the program and not imported; npm's link to it is another path. Without a top-level
 * await, or it could not be required.
 */
export function startProgram(file: string, main: (argv: readonly string[]) => Promise<number>): void {
  const [, program, ...argv] = process.argv;
  if (program === undefined || !existsSync(program) || realpathSync(program) !== file) return;
  void main(argv).then((code) => {
    process.exitCode = code;
  });
}
