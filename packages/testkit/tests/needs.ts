import type { TestContext } from 'vitest';
import { isRequired } from '../src/environment.ts';
import { type ServerName, whyMissing } from '../src/index.ts';

/** Skips a test whose server is not installed, unless it is required: then the test goes on and fails. */
export function needs(name: ServerName, { skip }: TestContext): void {
  const reason = whyMissing(name, { args: [] });
  if (reason !== undefined && !isRequired(name)) skip(reason);
}
