import { EntError } from '@ent/errors';
import type { DriverFailure } from '../../../driver.ts';
import { databaseErrors } from '../../../errors.ts';
import { ScriptError } from '../../../internal/sql/script.ts';
import { classify, ThreadError } from '../errors.ts';

/** An error on its way out of a thread, with what only its class would tell. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  /** What it means, where it is the database's. */
  readonly meaning: DriverFailure | undefined;
  /** Where in a script it was; undefined where it was in none. */
  readonly script?: { readonly where: string | undefined } | undefined;
}

export function packedError(error: unknown): PackedError {
  if (error instanceof ScriptError) return { ...packedError(error.cause), script: { where: error.where } };
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const code = (error as { code?: unknown } | null)?.code;
  return {
    name,
    message,
    stack,
    code: typeof code === 'string' ? code : undefined,
    meaning: EntError.is(error) ? undefined : classify(error),
  };
}

export function unpackedError({ script, ...error }: PackedError): Error {
  return script === undefined ? errorOf(error) : new ScriptError(errorOf(error), script.where);
}

function errorOf({ name, message, stack, code, meaning }: PackedError): Error {
  // Ours, such as what is refused of `db.native`.
  if (code === databaseErrors.unsupported.code) return databaseErrors.unsupported(message);
  if (code === databaseErrors.bad_data.code) return databaseErrors.bad_data(message);
  const error = new ThreadError(message, meaning);
  return Object.assign(error, { name, ...(code !== undefined && { code }), ...(stack !== undefined && { stack }) });
}

/** What a call gets whose thread has ended before it answered. */
export function threadEnded(cause: unknown): Error {
  const meaning = { code: 'unavailable', message: 'the thread of the connection has ended', broken: true } as const;
  return new ThreadError('The thread of the connection has ended.', meaning, { cause });
}
