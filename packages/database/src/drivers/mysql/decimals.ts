import { databaseErrors } from '../../errors.ts';
import { typedDecimal } from './client.ts';

/** All that MySQL has behind the point. */
const MOST_DIGITS = 30;

/** A decimal to bind. The server would cut off what is beyond its digits with a note that nobody reads. */
export function decimalParameter(value: unknown): unknown {
  const text = String(value);
  const point = text.indexOf('.');
  if (point !== -1 && text.length - point - 1 > MOST_DIGITS) {
    throw databaseErrors.bad_data(`mysql: a decimal has ${MOST_DIGITS} digits behind the point at most.`);
  }
  return typedDecimal(text);
}

/** "1.50" of a column with a scale is 1.5 on every database. */
export function decimalOf(stored: unknown): string {
  const text = stored as string;
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
