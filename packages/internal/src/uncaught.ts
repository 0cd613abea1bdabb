/**
 * Throws where nothing catches it, which ends the process: for what a callback of the application has thrown, when it
 * has named nobody who wants to know. The event that called it goes on undisturbed.
 */
export function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
