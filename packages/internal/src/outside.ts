import { AsyncLocalStorage } from 'node:async_hooks';

// Where this file is first imported, which is at the start of a program: outside of any request or transaction.
const atTheStart: <T>(work: () => T) => T = AsyncLocalStorage.snapshot();

/**
 * Runs `work` outside of the asynchronous context of its caller, and all that it starts. For work that lives longer
 * than who asked for it: a subscription that is made in a transaction would keep that transaction
 * for good, and each of its handlers would find one that has ended.
 */
export function outsideContext<T>(work: () => T): T {
  return atTheStart(work);
}
