/**
 * Refuses what is no list of middlewares: a function of another framework in it, or a hook that is misspelt, would do
 * nothing, without a word.
 *
 * @param names the hooks that there are; a middleware has one of them at least
 * @param fail makes the error of the package, as in `middlewareErrors.invalid_options`
 */
export function demandHooks(middleware: unknown, names: readonly string[], fail: (message: string) => Error): void {
  if (!Array.isArray(middleware)) throw fail('The middlewares must be a list.');
  for (const item of middleware as unknown[]) {
    const given = (typeof item === 'object' ? (item ?? {}) : {}) as Record<string, unknown>;
    const hooks = names.filter((name) => given[name] !== undefined);
    if (hooks.length > 0 && hooks.every((name) => typeof given[name] === 'function')) continue;
    const who = typeof given['name'] === 'string' ? `The middleware "${given['name']}"` : 'A middleware';
    const all = names.map((name) => `${name}()`).join(', ');
    throw fail(`${who} must be an object with one hook at least: ${all}.`);
  }
}
