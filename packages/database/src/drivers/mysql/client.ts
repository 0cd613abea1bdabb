import mysql2, { type ConnectionOptions } from 'mysql2';

/**
 * The parts of mysql2's `Connection` that this driver uses. Declared here, since its types leave some out, and ours do
 * not need them.
 */
export interface MysqlConnection {
  readonly stream: { destroy(): unknown; once(event: 'close', listener: () => void): unknown };
  connect(callback: (error: Error | null) => void): void;
  /** What it gives back tells when each answer begins. */
  query(sql: string, callback: MysqlCallback): { on(event: 'fields', listener: () => void): unknown };
  prepare(sql: string, callback: (error: Error | null, statement: MysqlStatement) => void): unknown;
  unprepare(sql: string): unknown;
  end(callback: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** A statement that the server has prepared. */
export interface MysqlStatement {
  /** One for each placeholder. */
  readonly parameters: readonly unknown[];
  execute(values: readonly unknown[], callback: MysqlCallback): unknown;
}

/** What a statement came to: rows and their columns, or what an `OK` packet says. */
export type MysqlCallback = (error: Error | null, result: MysqlResult, fields?: readonly MysqlField[]) => void;
/** Rows, several lists of them (of a procedure), or what was done. */
export type MysqlResult = readonly Record<string, unknown>[] | MysqlDone;

/** What a statement without rows has done. */
export interface MysqlDone {
  readonly affectedRows: number;
  readonly insertId: number | string;
  /** Flags, https://mariadb.com/docs/server/reference/clientserver-protocol/4-server-response-packets/ok_packet */
  readonly serverStatus: number;
}

/** A column of an answer. */
export interface MysqlField {
  readonly name: string;
  /** By the numbers of the protocol. */
  readonly columnType: number;
  /** MariaDB's word for what the type does not say: `json`. */
  readonly extendedFormat?: string | undefined;
}

/** An error that the server sent; others have no `sqlMessage`. */
export interface MysqlError extends Error {
  readonly errno?: number;
  readonly sqlState?: string;
  readonly sqlMessage?: string;
}

/** Whether the server said this, and not the network. */
export function isOfServer(error: Error): error is MysqlError & { readonly errno: number; readonly sqlState: string } {
  return (error as MysqlError).sqlMessage !== undefined;
}

/** Connects, or rejects; what breaks later is told to `onError`. */
export function connectTo(
  options: ConnectionOptions,
  onError: (error: Error) => void,
  onConnection: (connection: MysqlConnection) => void,
): Promise<MysqlConnection> {
  return new Promise((resolve, reject) => {
    const connection = mysql2.createConnection(options) as unknown as MysqlConnection;
    onConnection(connection);
    connection.on('error', onError);
    connection.connect((error) => {
      if (error === null || error === undefined || !(error instanceof Error)) resolve(connection);
      else reject(error);
    });
  });
}

const { TypedParameter } = mysql2;

/** An integer as the server's own: mysql2 sends numbers as floating-point, and a bigint as text. */
export function integerParameter(value: number | bigint): unknown {
  const isLong = typeof value === 'number' || BigInt.asIntN(64, value) === value;
  return isLong ? TypedParameter.LONGLONG(value) : TypedParameter.LONGLONG.unsigned(value);
}

/** A decimal number as such: compared with a text, a column of decimals becomes floating-point. */
export function typedDecimal(value: string): unknown {
  return TypedParameter.NEWDECIMAL(value);
}
