/** Only the fields of the record: a store may keep more. */
export function pick<T extends object>(expected: T, actual: object | undefined): T | undefined {
  if (!actual) return undefined;
  return Object.fromEntries(Object.keys(expected).map((key) => [key, (actual as Record<string, unknown>)[key]])) as T;
}
