import { type Keeps, lossIn } from '@ent/internal';
import { serializationErrors } from '../errors.ts';

/**
 * Refuses a value that the codec would not give back as it was, with the JSON pointer of the first such part.
 *
 * @param advice what to do about it
 */
export function assertLossless(value: unknown, keeps: Keeps, codec: string, advice: string): void {
  const loss = lossIn(value, keeps);
  if (loss === undefined) return;
  const { what, pointer } = loss;
  throw serializationErrors.not_lossless(`${codec} does not keep ${what} at ${pointer}; ${advice}.`, {
    details: { pointer },
  });
}
