import { EntError } from '@ent/errors';
import { expect } from 'vitest';

/** Why work was refused: for the log alone, since what a client is told is the problem and nothing else. */
export async function reasonOf(
  work: Promise<unknown>,
  problem: { readonly title: string; readonly status: number; readonly code: string },
): Promise<unknown> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!EntError.is(error)) throw new Error('it was accepted, or something else than an EntError was thrown');
  expect(error.toProblem()).toEqual({ type: 'about:blank', ...problem });
  return error.details?.reason;
}
