import type { ReplyHeaders } from '../exchange.ts';

/** A header of a reply, whose names may be in any case; several values are joined. */
export function headerOf(headers: ReplyHeaders | undefined, name: string): string | undefined {
  for (const given in headers) {
    if (given.toLowerCase() !== name) continue;
    const value = headers[given] as string | readonly string[];
    return typeof value === 'string' ? value : value.join(', ');
  }
  return undefined;
}

/** The headers with others in their place, by lower-case name; `undefined` leaves one out. */
export function withHeaders(
  headers: ReplyHeaders | undefined,
  changes: Readonly<Record<string, string | undefined>>,
): ReplyHeaders {
  const changed: Record<string, string | readonly string[]> = {};
  for (const name in headers) {
    if (!Object.hasOwn(changes, name.toLowerCase())) changed[name] = headers[name] as string | readonly string[];
  }
  for (const [name, value] of Object.entries(changes)) if (value !== undefined) changed[name] = value;
  return changed;
}

/** `Vary` with one more name in it. */
export function varying(headers: ReplyHeaders | undefined, name: string): string {
  const there = headerOf(headers, 'vary');
  if (there === undefined || there === '') return name;
  const names = there.split(',').map((each) => each.trim().toLowerCase());
  return names.includes('*') || names.includes(name.toLowerCase()) ? there : `${there}, ${name}`;
}
