/** Field names with a place of their own in the Elastic Common Schema and in the semantic conventions. */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ['requestId', 'http.request.id'],
  ['userId', 'user.id'],
  ['logger', 'log.logger'],
]);

/** The name that a field stands for in both schemas; `undefined` where it is the application's own. */
export function knownName(key: string): string | undefined {
  return KNOWN.get(key);
}
