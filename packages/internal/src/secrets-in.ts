import { isSecret } from './redact.ts';

/** Deeper settings are nobody's. */
const DEEPEST = 10;

/** What the settings hide: values under the name of a secret, what has to be revealed, and passwords of URLs. */
export function* secretsIn(value: unknown, depth = DEEPEST, isHidden = false): Iterable<string> {
  if (typeof value === 'string') {
    if (isHidden) yield value;
    yield* passwordsOf(value);
    return;
  }
  if (typeof value !== 'object' || value === null || depth === 0) return;
  const { reveal } = value as { reveal?: unknown };
  if (typeof reveal === 'function') {
    yield* secretsIn(Reflect.apply(reveal, value, []), depth - 1, true);
    return;
  }
  if (value instanceof URL) {
    yield* passwordsOf(value.href);
    return;
  }
  for (const [name, member] of value instanceof Map ? value : Object.entries(value)) {
    yield* secretsIn(member, depth - 1, isHidden || isSecret(String(name), member));
  }
}

/** As it is written, and as it is meant. */
function passwordsOf(text: string): string[] {
  const [, written] = /^[a-z][a-z0-9+.-]*:\/\/[^:@\s]*:(\S*)@/i.exec(text) ?? [];
  if (written === undefined) return [];
  return [written, ...(isEncoded(written) ? [decodeURIComponent(written)] : [])];
}

function isEncoded(text: string): boolean {
  return /%[0-9a-f]{2}/i.test(text) && !/%(?![0-9a-f]{2})/i.test(text);
}
