import { middlewareErrors } from '../errors.ts';

export function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value);
}

/**
 * Refuses what is no origin.
 *
 * @param what whose option it is, for the message
 */
export function demandOrigin(origin: string, what: string): void {
  // "null" does not pass either: it is the origin of every sandboxed frame, and to allow it is to allow anyone.
  const parsed = URL.canParse(origin) ? new URL(origin).origin : undefined;
  if (parsed === origin && !origin.includes('*')) return;
  throw middlewareErrors.invalid_options(
    `${what}: ${JSON.stringify(origin)} is not an origin; write scheme, host and port only, such as "https://app.example.com".`,
  );
}
