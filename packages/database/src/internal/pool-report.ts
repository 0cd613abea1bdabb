import { type PoolsQuestion, poolsChannel } from '../channels.ts';
import type { DatabaseDriver } from '../driver.ts';

/** Answers for the pool of a driver to whoever asks on the channel; until it is stopped, or the driver is gone. */
export function reportPool(driver: DatabaseDriver): () => void {
  // A database that nobody closed must not live on for this.
  const held = new WeakRef(driver);
  const answer = (question: unknown): void => {
    const asked = held.deref();
    if (asked === undefined) return stop();
    const { name: system, namespace, pool } = asked;
    (question as PoolsQuestion).add({
      system,
      namespace,
      pool: pool?.name ?? namespace,
      max: pool?.max,
      ...asked.stats(),
    });
  };
  const stop = (): void => {
    poolsChannel.unsubscribe(answer);
  };
  poolsChannel.subscribe(answer);
  return stop;
}
