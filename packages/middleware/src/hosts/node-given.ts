import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

export type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[];

/** Sets what `writeHead` is given: an object, or a flat array of names and values in which names may repeat. */
export function takeGiven(res: ServerResponse, given: GivenHeaders): void {
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given)) if (value !== undefined) res.setHeader(name, value);
    return;
  }
  const seen = new Set<string>();
  for (let i = 0; i + 1 < given.length; i += 2) {
    const name = String(given[i]);
    const value = given[i + 1] as string | string[];
    if (seen.has(name.toLowerCase())) res.appendHeader(name, value);
    else res.setHeader(name, value);
    seen.add(name.toLowerCase());
  }
}
