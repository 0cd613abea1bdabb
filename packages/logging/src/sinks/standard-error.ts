import { writeSync } from 'node:fs';

/** Where a sink tells of lost lines when it cannot tell it itself. */
export function toStandardError(notice: string): void {
  try {
    writeSync(2, notice);
  } catch {
    // Nobody is left to tell; the numbers stay in stats() and went to the channel.
  }
}
