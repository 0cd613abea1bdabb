/**
 * Refuses options that nobody reads: a name that was misspelt would change nothing, and nobody
 * would be told. What is no object is refused too, `undefined` included: where options can be
 * left out, the caller has put `{}` in their place; and so is what is no AbortSignal in the place of `signal`, which
 * every package takes by this name.
 *
 * ```ts no-run
 * refuseUnknown(options, { path: true, keep: true }, 'fileSink', loggingErrors.invalid_option);
 * ```
 *
 * @param known the names, each once: a name of the type that is missing
 *   here, or that the type has not, does not compile
 * @param what whose options they are, for the message: `createLogger`, `createSerializer: compression`
 * @param fail makes the error of the package, as in
 *   `cacheErrors.invalid_options`. The message holds names and no values
 */
export function refuseUnknown<Options extends object>(
  options: Options,
  known: Readonly<Record<keyof NoInfer<Options>, true>>,
  what: string,
  fail: (message: string) => Error,
): void {
  demandOptions(options, what, fail);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name)) throw fail(refusal(name, Object.keys(known), what));
  }
  if (Object.hasOwn(known, 'signal')) demandSignal((options as { readonly signal?: unknown }).signal, what, fail);
}

/** Refuses what is no AbortSignal, by what it can do: it may be of another realm. `undefined` is none, and right. */
export function demandSignal(signal: unknown, what: string, fail: (message: string) => Error): void {
  if (signal === undefined) return;
  const { throwIfAborted, addEventListener } = Object(signal) as Partial<AbortSignal>;
  if (typeof throwIfAborted === 'function' && typeof addEventListener === 'function') return;
  throw fail(`${what}: signal must be an AbortSignal; got ${kindOf(signal)}.`);
}

/**
 * Refuses what is no object in the place of options. {@link refuseUnknown} does that too; this is for those that are
 * taken apart before their names can be looked at.
 */
export function demandOptions(options: unknown, what: string, fail: (message: string) => Error): void {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return;
  throw fail(`${what} takes its options as an object; got ${kindOf(options)}.`);
}

/** Refuses an object that is absent, or lacks a method by which it is used. */
export function demandMethods(
  value: unknown,
  methods: readonly string[],
  what: string,
  fail: (message: string) => Error,
): void {
  const lacks = methods.filter((method) => typeof (value as Record<string, unknown> | null)?.[method] !== 'function');
  if (lacks.length === 0) return;
  throw fail(`${what} must have ${lacks.map((method) => `${method}()`).join(', ')}.`);
}

function refusal(name: string, known: readonly string[], what: string): string {
  const meant = nearestName(name, known);
  const advice = meant === undefined ? `it has ${known.join(', ')}` : `did you mean ${meant}?`;
  // A name can be anything, such as the text of a file that was spread.
  return `${what} has no option ${JSON.stringify(name.slice(0, 64))} (${advice}).`;
}

/** What JavaScript gave, for a message that holds no value: `null`, `an array`, `a number`. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The name that a misspelt one is nearest to; undefined where none is near. Case does not count. */
function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const each of known) {
    // No more than the lengths differ can be saved; and what is short is near to everything.
    if (Math.abs(each.length - name.length) >= least) continue;
    const distance = distanceOf(name.toLowerCase(), each.toLowerCase());
    if (distance < least && distance < each.length - 1) [best, least] = [each, distance];
  }
  return best;
}

/** Letters to insert, delete or replace until `a` is `b` (Levenshtein), row by row. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (a[i] === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
