import Negotiator from 'negotiator';

/** The version that was chosen, and the media type of its JSON. */
export interface Chosen {
  readonly version: string;
  readonly type: string;
}

/** `application/vnd.shop` and `v2` make `application/vnd.shop.v2+json`. */
export function vendorType(vendor: string, version: string): string {
  return `${vendor}.${version}+json`;
}

/**
 * The version that a client likes best by its `Accept` (RFC 9110, section 12.5.1), which may name it in the type or as
 * a parameter: `application/vnd.shop.v2+json`, `application/vnd.shop+json; version=v2`, `application/json; version=v2`.
 *
 * @param standard of a range that names none
 * @returns `undefined` where it takes none of them
 */
export function negotiate(
  accept: string | undefined,
  vendor: string,
  versions: ReadonlyMap<string, unknown>,
  standard: string,
): Chosen | undefined {
  const names = [standard, ...[...versions.keys()].filter((name) => name !== standard)];
  const forms = names.filter((name) => versions.has(name)).flatMap((version) => formsOf(vendor, version));
  // Where several are liked as much, the first: plain JSON of the standard.
  const available = versions.has(standard) ? [{ version: standard, type: 'application/json' }, ...forms] : forms;
  if (accept === undefined || accept.trim() === '') return available[0];
  const types = available.map(({ type }) => type);
  const [best] = new Negotiator({ headers: { accept } }).mediaTypes(types);
  return best === undefined ? undefined : available[types.indexOf(best)];
}

function formsOf(vendor: string, version: string): Chosen[] {
  return [
    { version, type: vendorType(vendor, version) },
    { version, type: `${vendor}+json; version=${version}` },
    { version, type: `application/json; version=${version}` },
  ];
}

/** Whether a client asks for a version, and not for what has none, such as a picture. */
export function isOfVersions(accept: string | undefined, vendor: string): boolean {
  const ranges = (accept ?? '').toLowerCase().split(',');
  return ranges.some((range) => range.trim().startsWith(vendor) || /^\s*application\/json\s*;.*\bversion=/.test(range));
}
