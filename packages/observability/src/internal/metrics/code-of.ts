/** What failed, in a word of a program: codes are few, messages are not. Nothing where nothing failed. */
export function codeOf(error: unknown): string {
  if (error === undefined) return '';
  const hasCode = typeof error === 'object' && error !== null && 'code' in error;
  return hasCode && typeof error.code === 'string' ? error.code : 'error';
}
