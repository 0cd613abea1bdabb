import { databaseErrors } from '../../errors.ts';
import { integerParameter } from './client.ts';

/**
 * The values of a statement as mysql2 takes them.
 *
 * @param isInsert an INSERT of ours, of which each value is that of a column
 * @param maxBytes with more than it takes the server would end the connection
 */
export function boundTo(
  text: string,
  values: readonly unknown[],
  isInsert: boolean,
  maxBytes: number,
): readonly unknown[] {
  let bytes = text.length * 3;
  const bound: unknown[] = [];
  for (const value of values) {
    bytes += mostBytesOf(value);
    // A column takes a floating-point number for the integer that it is, and of mysql2 it costs a fraction.
    bound.push(isInsert && Number.isSafeInteger(value) ? value : parameterOf(value));
  }
  if (bytes > maxBytes && exactBytes(text, values) > maxBytes) {
    throw databaseErrors.bad_data(
      `mysql: the values are more than the server takes in one statement (${maxBytes} bytes, max_allowed_packet).`,
    );
  }
  return bound;
}

function mostBytesOf(value: unknown): number {
  if (typeof value === 'string') return value.length * 3;
  return typeof value === 'object' && value instanceof Uint8Array ? value.byteLength : 16;
}

function parameterOf(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value;
    case 'bigint':
      if (value < -(2n ** 63n) || value >= 2n ** 64n) {
        throw databaseErrors.bad_data('mysql: an integer beyond 64 bits cannot be bound.');
      }
      return integerParameter(value);
    case 'number':
      if (!Number.isFinite(value)) throw databaseErrors.bad_data('mysql: NaN and infinite numbers cannot be bound.');
      return Number.isSafeInteger(value) ? integerParameter(value) : value;
    default:
      // mysql2 would send any other as text.
      return value instanceof Uint8Array && !Buffer.isBuffer(value)
        ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
        : value;
  }
}

function exactBytes(text: string, values: readonly unknown[]): number {
  let bytes = Buffer.byteLength(text);
  for (const value of values) {
    bytes += typeof value === 'string' || value instanceof Uint8Array ? Buffer.byteLength(value) : 16;
  }
  return bytes;
}
