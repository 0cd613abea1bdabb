import type { Component } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';

/** So many are on their way at most; who is turned away can ask again. */
const MOST = 1000;

/**
 * What is done after an answer, so that neither its content nor its time tells what there was to do: whether an account
 * has an address, and gets a mail. A crash loses what is on its way; a stop waits for it.
 */
export function createOutgoing(logger: Logger) {
  const running = new Set<Promise<void>>();

  /** Begins once the answer is on its way. Failures are logged, and harm nobody. */
  const later = (what: string, work: () => Promise<unknown>): void => {
    if (running.size >= MOST) {
      logger.warning('too much is on its way already', { what });
      return;
    }
    const run = async (): Promise<void> => {
      await new Promise(setImmediate);
      try {
        await work();
      } catch (err) {
        logger.error('what was to be done after an answer failed', { err, what });
      }
    };
    const done = run().finally(() => running.delete(done));
    running.add(done);
  };

  const component: Component = {
    async stop() {
      while (running.size > 0) await Promise.all(running);
    },
  };
  return { later, component };
}

export type Outgoing = ReturnType<typeof createOutgoing>;
