/** Lets at most `limit` pieces of work run at once; up to `queue` wait in order; `refuse` makes the error for the rest. */
export function createGate(limit: number, queue: number, refuse: () => Error) {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async function enter<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (running < limit) running++;
    else if (waiting.length < queue) await turn(signal);
    else throw refuse();
    try {
      return await work();
    } finally {
      // The place is handed over, not given back: nobody can slip in between.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };

  function turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.splice(waiting.indexOf(go), 1);
        reject(signal?.reason);
      };
      const go = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      signal?.addEventListener('abort', leave, { once: true });
      waiting.push(go);
    });
  }
}
