/** The name of what comes after a bounded number of names, and of a method that is none. */
export const OTHER = '_OTHER';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY', 'TRACE', 'CONNECT']);

/** The method, or one name for all that are none: a client may send any. */
export function methodOf(method: string): string {
  return METHODS.has(method) ? method : OTHER;
}
