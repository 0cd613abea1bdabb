import type { DriverFailure } from '../../driver.ts';
import { withoutValues } from '../../internal/without-values.ts';
import { isOfServer, type MysqlError } from './client.ts';

/** The connection could not be made, or is lost; the server has not said why. */
export class LostConnectionError extends Error {}

/** A transaction was ended by a statement of the application's own. */
export class LostTransactionError extends Error {}

/** An answer has a column that mysql2 puts into no row; with it, it gives its connection up. */
export class UnreadableError extends Error {}

/** A unique key is taken; with its fields, which MySQL does not tell. */
export class TakenKeyError extends Error {
  readonly constraint: string | undefined;
  readonly fields: readonly string[] | undefined;

  constructor(cause: Error, constraint: string | undefined, fields: readonly string[] | undefined) {
    super('A unique key is taken.', { cause });
    this.constraint = constraint;
    this.fields = fields;
  }
}

/** Of the two servers: 4031 is MySQL's "disconnected for inactivity" and something about triggers to MariaDB. */
export type Product = 'MySQL' | 'MariaDB';

type Code = readonly [numbers: readonly number[], code: DriverFailure['code'], message?: string];

/**
 * By errno. Never by mysql2's `code`, whose names are MySQL's and wrong for 158 numbers of MariaDB, nor by message.
 * https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
 * https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference
 */
const CODES: readonly Code[] = [
  [[1062, 1586, 1169, 1022], 'unique_violation'],
  [[1451, 1452, 1216, 1217], 'foreign_key_violation'],
  [[1048, 1364], 'not_null_violation'],
  [[3819], 'check_violation'],
  [[1264, 1265, 1366, 1367, 1406, 1292, 1365, 1411, 1690, 3140, 4038], 'bad_data'],
  [[1153, 1118, 1071], 'bad_data', 'it is more than the server takes'],
  // 1020 is MariaDB's with innodb_snapshot_isolation; 1615 a statement whose tables change all the time.
  [[1020, 1615], 'serialization_failure'],
  [[1213, 3058], 'deadlock'],
  [[1205, 3572], 'lock_timeout'],
  [[1317, 3024], 'timeout', 'the server ended the statement (KILL QUERY, or a time limit of its own)'],
  [[1792, 1290, 1836], 'read_only'],
  [[1021, 1114], 'full'],
  [[1044, 1045, 1698, 1251, 3118, 4151], 'unavailable', 'the server refused the user or password'],
  [[1129, 1130], 'unavailable', 'the server refuses this host'],
  [[3159], 'unavailable', 'the server takes encrypted connections alone'],
  [[1049], 'unavailable', 'there is no such database'],
  [[1040, 1203, 1226], 'unavailable', 'the server has no connection left (max_connections)'],
  [[1461], 'unavailable', 'the server takes no more prepared statements (max_prepared_stmt_count)'],
  [[1053, 1079, 1077], 'unavailable', 'the server is stopping'],
  [[1927, 3169], 'unavailable', 'the server ended the connection'],
  [[1037, 1041], 'unavailable', 'the server is short of memory'],
  [[1158, 1159, 1160, 1161], 'unavailable'],
];
const BY_NUMBER = new Map(CODES.flatMap((code) => code[0].map((number) => [number, code] as const)));

/** Where one number means different things, the SQLSTATE tells. */
const BY_STATE: readonly (readonly [state: string, code: DriverFailure['code'], message?: string])[] = [
  // SIGNAL, as triggers refuse.
  ['45000', 'check_violation'],
  // 1969 of MariaDB, for max_statement_time.
  ['70100', 'timeout', 'the server ended the statement (KILL QUERY, or a time limit of its own)'],
  ['25006', 'read_only'],
  ['22', 'bad_data'],
];

/** MariaDB's failed CHECK, which to MySQL is something else, with another state. */
const MARIADB_CHECK = 4025;
/** MySQL's goodbye to a connection that was idle for too long. */
const MYSQL_IDLE = 4031;

/** What an error of mysql2 or of the server means. */
export function classify(error: unknown, product: Product | undefined): DriverFailure | undefined {
  if (error instanceof TakenKeyError) {
    const { cause, constraint, fields } = error;
    return { code: 'unique_violation', constraint, fields, cause: safe(cause as MysqlError, 'unique_violation') };
  }
  if (error instanceof LostTransactionError) return { code: 'query_failed', message: error.message };
  if (error instanceof UnreadableError) return { code: 'query_failed', message: error.message, broken: true };
  if (error instanceof LostConnectionError) return { code: 'unavailable', message: error.message, broken: true };
  if (!(error instanceof Error) || !isOfServer(error)) return undefined;
  const { errno, sqlState } = error;
  const [, code, message] = found(errno, sqlState, product) ?? ['', 'query_failed' as const];
  return {
    code,
    message:
      message ??
      (code === 'query_failed' ? `the server refused (${errno}, ${sqlState}); the cause says why` : undefined),
    ...namesIn(errno, error.sqlMessage ?? ''),
    cause: safe(error, code),
    broken: code === 'unavailable',
  };
}

function found(errno: number, state: string, product: Product | undefined) {
  if (errno === MARIADB_CHECK && state === '23000') return ['', 'check_violation'] as const;
  if (errno === MYSQL_IDLE && product === 'MySQL')
    return ['', 'unavailable', 'the connection was idle for too long'] as const;
  return BY_NUMBER.get(errno) ?? BY_STATE.find(([start]) => state.startsWith(start));
}

/** Names that a message tells; what it is about has its number told. */
function namesIn(errno: number, message: string): Pick<DriverFailure, 'constraint' | 'fields'> {
  switch (errno) {
    case 1048:
    case 1364:
    case 1406:
    case 1264:
      return { fields: /^[^']*'([^']+)'/.exec(message)?.slice(1) };
    case 3819:
      return { constraint: /'([^']+)'/.exec(message)?.[1] };
    case MARIADB_CHECK:
    case 1451:
    case 1452:
      return {
        constraint: /CONSTRAINT `([^`]+)`/.exec(message)?.[1],
        fields: /FOREIGN KEY \(([^)]+)\)/.exec(message)?.[1]?.replaceAll('`', '').split(', '),
      };
    default:
      return {};
  }
}

const WITH_VALUES: ReadonlySet<DriverFailure['code']> = new Set(['unique_violation', 'bad_data', 'check_violation']);

/** "Duplicate entry 'ann@example.org' for key", "Incorrect integer value: 'hunter2'". */
function safe(error: MysqlError, code: DriverFailure['code']): Error {
  const told = `The server refused a value (${error.errno}, ${error.sqlState}).`;
  return withoutValues(error, ['errno', 'sqlState'], WITH_VALUES.has(code) ? told : error.message);
}
