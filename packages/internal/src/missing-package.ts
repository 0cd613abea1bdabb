/** How it is said that an `import()` or `require()` found no package. */
const MESSAGES = [
  /^Cannot find package '([^']+)'/, // Node.js, Bun
  /^Cannot find module '([^'./\\:][^'\\:]*)'/, // require(), and what webpack leaves in a bundle
  /^Import "([^"./:][^":]*)" not a dependency/, // Deno, and with a folder node_modules:
  /^Could not find package '([^']+)' from referrer/,
  /^Could not resolve "([^"]+)" imported by "/, // what vite leaves in a bundle
];

/**
 * The package that an `import()` did not find, or undefined for an error of another kind. For drivers, whose libraries
 * are optional: the runtime's error names a file of ours, and not what to do.
 */
export function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  // vite gives none.
  if (code !== undefined && code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined;
  const [, specifier] = MESSAGES.map((message) => message.exec(error.message)).find((match) => match !== null) ?? [];
  return specifier && /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0];
}
