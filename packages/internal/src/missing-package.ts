/**
 * The package that an `import()` did not find, or undefined for an error of another kind. For drivers, whose libraries
 * are optional: the error of Node.js (ERR_MODULE_NOT_FOUND) names a file of ours, and not what to do.
 */
export function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  return /^Cannot find package '([^']+)'/.exec(error.message)?.[1];
}
