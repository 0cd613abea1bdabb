import { consumed } from './refusals.ts';

/** A body that was read whole, such as by a middleware for its hash, for a handler that reads it as it arrives. */
export async function* readBefore(whole: () => Promise<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = await whole();
  if (bytes.byteLength > 0) yield bytes;
}

/** What is read of a body that is read as it arrives by another: that goes once. */
export function takenByStream(): Promise<never> {
  const taken = Promise.reject(consumed('this was called'));
  taken.catch(() => {});
  return taken;
}
