/** A range of media types in `Accept` (RFC 9110, section 12.5.1), as far as it is read here. */
interface Range {
  readonly type: string;
  readonly version: string | undefined;
  readonly quality: number;
}

/**
 * Whether `Accept` asks for OpenMetrics 1.0.0, by its name, and does not like the classic text better. Any other
 * client, one that takes everything included, gets that.
 */
export function wantsOpenMetrics(accept: string): boolean {
  const ranges = accept.split(',').map(rangeOf);
  const best = (fits: (range: Range) => boolean): number =>
    Math.max(0, ...ranges.filter(fits).map(({ quality }) => quality));
  const asked = best(({ type, version = '1.0.0' }) => type === 'application/openmetrics-text' && version === '1.0.0');
  return asked > 0 && asked >= best(({ type }) => type === 'text/plain');
}

function rangeOf(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const named = new Map<string, string | undefined>();
  for (const parameter of parameters) {
    const [name = '', value] = parameter.split('=', 2).map((part) => part.trim());
    named.set(name, value);
  }
  const quality = Number(named.get('q') ?? 1);
  return { type, version: named.get('version'), quality: quality >= 0 && quality <= 1 ? quality : 0 };
}
