import type { DriverFailure } from '../../driver.ts';
import { withoutValues } from '../../internal/without-values.ts';

/** A session is of no use any more: its call was given up, or another process may have its lock. */
export class LostSessionError extends Error {}

/**
 * By the code of the server; https://www.mongodb.com/docs/manual/reference/error-codes/
 */
const CODES: ReadonlyMap<number, readonly [code: DriverFailure['code'], message?: string]> = new Map([
  [11000, ['unique_violation']],
  [11001, ['unique_violation']],
  [112, ['serialization_failure']],
  [246, ['serialization_failure']],
  [251, ['serialization_failure', 'the server has ended the transaction']],
  [24, ['lock_timeout']],
  [50, ['timeout', 'the server ended a command that took too long']],
  [262, ['timeout', 'the server ended a command that took too long']],
  [11601, ['timeout', 'the server ended the command (killOp, or an administrator)']],
  // Of the validator of a collection: which rule it was is in the values only.
  [121, ['check_violation']],
  [10334, ['bad_data', 'it is more than a document may hold (16 MB)']],
  [17280, ['bad_data', 'it is more than an index may hold']],
  [14031, ['full']],
  [13, ['query_failed', 'the user may not do that']],
  [18, ['unavailable', 'the server refused the user or password']],
  [8000, ['unavailable', 'the server refused the user or password']],
  [10107, ['unavailable', 'the server is not the primary any more']],
  [10058, ['unavailable', 'the server is not the primary any more']],
  [189, ['unavailable', 'the server is not the primary any more']],
  [13435, ['unavailable', 'the server is no primary']],
  [13436, ['unavailable', 'the server is no primary']],
  [11602, ['unavailable', 'the server is not the primary any more']],
  [11600, ['unavailable', 'the server is stopping']],
  [91, ['unavailable', 'the server is stopping']],
  [6, ['unavailable']],
  [7, ['unavailable']],
  [89, ['unavailable']],
  [9001, ['unavailable']],
  [133, ['unavailable', 'no server takes this']],
  [43, ['unavailable', 'the server has closed the cursor']],
  [64, ['unavailable', 'it is done, but not by a majority of the servers yet']],
  [79, ['unavailable', 'it is done, but the servers do not know the write concern']],
  [100, ['unavailable', 'it is done, but there are too few servers for the write concern']],
] satisfies [number, readonly [DriverFailure['code'], string?]][]);

/** Codes whose messages hold names of collections, fields and options, and no value. */
const PLAIN: ReadonlySet<number> = new Set([
  13, 18, 20, 26, 27, 48, 50, 59, 67, 72, 73, 85, 86, 91, 112, 115, 168, 189, 238, 246, 251, 262, 263, 8000, 10107,
  11600, 11601, 11602, 13435, 13436, 40573,
]);

interface MongoError extends Error {
  readonly code?: unknown;
  readonly codeName?: unknown;
  readonly keyPattern?: unknown;
  hasErrorLabel(label: string): boolean;
}

// Not by `instanceof`: a client of the application's own may be of another copy of the library.
function isMongoError(error: unknown): error is MongoError {
  return error instanceof Error && typeof (error as Partial<MongoError>).hasErrorLabel === 'function';
}

function isSocketError(error: unknown): boolean {
  if (!(error instanceof Error) || isMongoError(error)) return false;
  const { code, syscall } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && (syscall !== undefined || code.startsWith('ERR_STREAM_'));
}

/** Whether nobody knows what came of a COMMIT. */
export function isCommitUnknown(error: unknown): boolean {
  return isMongoError(error) && error.hasErrorLabel('UnknownTransactionCommitResult');
}

export function isDuplicateKey(error: unknown): boolean {
  return isMongoError(error) && (error.code === 11000 || error.code === 11001);
}

/** What the server does not know, as FerretDB does not know partial indexes. */
export function isNotImplemented(error: unknown): boolean {
  return isMongoError(error) && error.code === 238;
}

/** What an error of the library or the server means: by codes and labels, never by its message. */
export function classify(error: unknown): DriverFailure | undefined {
  if (error instanceof LostSessionError) return { code: 'unavailable', message: error.message, broken: true };
  // From the socket itself, where the library was writing to it.
  if (isSocketError(error)) return { code: 'unavailable', broken: true };
  if (!isMongoError(error)) return undefined;
  const cause = withoutValues(error, ['code', 'codeName', 'errorLabels'], messageOf(error));
  if (isCommitUnknown(error)) return { code: 'unavailable', cause, broken: true };
  const { code, name } = error;
  const known = typeof code === 'number' ? CODES.get(code) : undefined;
  if (known?.[0] === 'unique_violation') return { code: 'unique_violation', fields: fieldsOf(error), cause };
  // The server, or the loss of the connection, has ended the transaction: all of it can be run again.
  if (error.hasErrorLabel('TransientTransactionError')) return { code: 'serialization_failure', cause };
  if (known !== undefined) return { code: known[0], message: known[1], cause };
  if (typeof code === 'number') {
    return { code: 'query_failed', message: `MongoDB refused (${code}); the cause says why`, cause };
  }
  if (/^Mongo(?:Network|Pool|ServerSelection|ServerClosed|ClientClosed|NotConnected|Topology|WaitQueue)/.test(name)) {
    return { code: 'unavailable', cause };
  }
  return { code: 'query_failed', message: 'the library refused; the cause says why', cause };
}

/** What the server says holds values: "E11000 duplicate key error ... dup key: { email: "ann@example.org" }". */
function messageOf({ code, codeName, message }: MongoError): string {
  if (typeof code !== 'number' || PLAIN.has(code)) return message;
  return `${typeof codeName === 'string' ? codeName : 'The server refused'} (${code}).`;
}

function fieldsOf({ keyPattern }: MongoError): readonly string[] | undefined {
  if (typeof keyPattern !== 'object' || keyPattern === null) return undefined;
  return Object.keys(keyPattern).map((name) => (name === '_id' ? 'id' : name));
}
