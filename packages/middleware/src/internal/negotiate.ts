import Negotiator from 'negotiator';

/** Since 1.0 of the library; its types are of the version before. */
interface Preferring {
  encodings(available: readonly string[], options: { readonly preferred: readonly string[] }): string[];
}

/**
 * What a client takes of a list of codings, the one that it likes best first (RFC 9110, section 12.5.3); of those that
 * it likes equally, the first of the list. `identity` is among them where it takes the body as it is.
 */
export function acceptedEncodings<Coding extends string>(
  header: string,
  codings: readonly Coding[],
): (Coding | 'identity')[] {
  const negotiator = new Negotiator({ headers: { 'accept-encoding': header } }) as unknown as Preferring;
  return negotiator.encodings([...codings, 'identity'], { preferred: codings }) as (Coding | 'identity')[];
}

/** The one of a list of languages that a client likes best; `undefined` where it takes none. */
export function acceptedLanguage(header: string, languages: readonly string[]): string | undefined {
  return new Negotiator({ headers: { 'accept-language': header } }).languages([...languages])[0];
}
