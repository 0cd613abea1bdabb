// Reading values that callers hand us. They can be proxies, have getters
// that throw, or be megabytes; nothing here throws.

/** What stands in the line for a value that could not be read. */
export const UNREADABLE = '[unreadable]';

/** Characters of one text in a line. */
const MAX_TEXT = 16_384;

/** Cuts a text to `max` characters and says how long it was. */
export function cut(text: string, max: number = MAX_TEXT): string {
  return text.length <= max ? text : `${text.slice(0, max)}... (${text.length} characters)`;
}

/** A shallow copy of `fields`: what the caller does to the object afterwards does not change lines. */
export function snapshot(fields: object): Record<string, unknown> {
  try {
    return { ...fields };
  } catch {
    return Object.fromEntries(entries(fields));
  }
}

/** The own enumerable entries, at most `max`, one by one; what cannot be read says so. */
export function entries(fields: object, max: number = Number.POSITIVE_INFINITY): [string, unknown][] {
  let keys: string[];
  try {
    keys = Object.keys(fields).slice(0, max);
  } catch {
    return [];
  }
  return keys.map((key) => {
    try {
      return [key, (fields as Record<string, unknown>)[key]];
    } catch {
      return [key, UNREADABLE];
    }
  });
}

/** Errors of other realms (`vm`, test runners) included. */
export function isError(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return value instanceof Error || ('stack' in value && Object.prototype.toString.call(value) === '[object Error]');
  } catch {
    return false;
  }
}
