import { withDeadline } from '@ent/internal';
import type { MessagingDriver, Source } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import type { SubscriptionSetup } from '../subscription.ts';
import { deadLetterOf } from './dead-letter.ts';
import { createJob, type Job, type Outcome } from './job.ts';
import { sendAll } from './send.ts';
import { createSettler } from './settler.ts';

/** How long a dead letter may take to be stored; then its message is tried later. */
const DEAD_LETTER_TIMEOUT_MS = 10_000;

/** One open source, and the messages that are held from it. */
export interface Connection {
  /** Receives and handles until the signal aborts. Rejects when the source dies. */
  receive(stop: AbortSignal): Promise<void>;
  /** Gives back what was not begun, waits for the handlers that run, and closes the source. */
  drain(): Promise<void>;
  /** Aborts the handlers that run. Their messages go back (`released`), or are gone with the source (`lost`). */
  stop(why: 'released' | 'lost'): void;
}

export function createConnection(driver: MessagingDriver, source: Source, setup: SubscriptionSetup): Connection {
  const { clock } = setup.time;
  const settler = createSettler(source);
  const held = new Set<Job>();
  let waiting: Job[] = [];
  let running = 0;
  let changed = Promise.withResolvers<void>();
  const stopRenewing = source.leaseMs === null ? undefined : renewEach(source.leaseMs);

  const drop = (job: Job): void => {
    held.delete(job);
    changed.resolve();
    changed = Promise.withResolvers();
  };

  const fill = (): void => {
    while (running < setup.concurrency) {
      const job = waiting.shift();
      if (!job) return;
      running++;
      void handle(job);
    }
  };

  const handle = async (job: Job): Promise<void> => {
    const outcome = await job.run();
    // The next one begins while this one is settled; it is held until then.
    running--;
    fill();
    await settle(job, outcome);
    drop(job);
  };

  const settle = async (job: Job, outcome: Outcome): Promise<unknown> => {
    const { token } = job.delivery;
    switch (outcome.action) {
      case 'lost':
        return;
      case 'done':
        return settler.settle({ token, action: 'ack' });
      case 'released':
        return settler.settle({ token, action: 'release' });
      case 'dead_letter':
        // Stored there before it is done here: a crash in between makes a duplicate, never a loss.
        if (await bury(job, outcome.error)) return settler.settle({ token, action: 'ack' });
        return retry(job);
      case 'retry':
        return retry(job);
    }
  };

  const retry = (job: Job): Promise<unknown> =>
    settler.settle({ token: job.delivery.token, action: 'retry', delayMs: setup.backoff(job.attempt) });

  const bury = async (job: Job, error: unknown): Promise<boolean> => {
    const letter = deadLetterOf(job.delivery, setup, error);
    const timeout = (): Error => messagingErrors.timeout(`${driver.name} did not confirm a dead letter.`);
    return withDeadline((abort) => sendAll(driver, [letter], setup.time, abort), DEAD_LETTER_TIMEOUT_MS, timeout).then(
      ([result]) => result?.status === 'stored',
      () => false,
    );
  };

  /** Renews all that is held, twice before a lease can end. */
  function renewEach(leaseMs: number): () => void {
    let cancel: (() => void) | undefined;
    let over = false;
    const renew = async (): Promise<void> => {
      const jobs = [...held];
      // A renewal that fails is tried again at the next turn; should the lease end before, settling will find out.
      const results =
        jobs.length === 0 ? [] : await source.renew(jobs.map(({ delivery }) => delivery.token)).catch(() => []);
      for (const [at, job] of jobs.entries()) {
        if (results[at] === 'stale' && held.has(job)) job.stop('lost');
      }
      if (!over) schedule();
    };
    const schedule = (): void => {
      cancel = clock.after(leaseMs / 3, () => void renew());
    };
    schedule();
    return () => {
      over = true;
      cancel?.();
    };
  }

  return {
    async receive(stop) {
      const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
      while (!stop.aborted) {
        const room = setup.prefetch - held.size;
        if (room <= 0) {
          await Promise.race([changed.promise, stopped]);
          continue;
        }
        for (const delivery of await source.receive(room, stop)) {
          const job = createJob(delivery, setup);
          held.add(job);
          waiting.push(job);
        }
        if (!stop.aborted) fill();
      }
    },
    async drain() {
      const unbegun = waiting;
      waiting = [];
      await Promise.all(
        unbegun.map(async (job) => {
          await settler.settle({ token: job.delivery.token, action: 'release' });
          drop(job);
        }),
      );
      while (held.size > 0) await changed.promise;
      stopRenewing?.();
      await source.close();
    },
    stop(why) {
      if (why === 'lost') {
        stopRenewing?.();
        for (const job of waiting.splice(0)) held.delete(job);
        void source.close().catch(() => {});
      }
      for (const job of held) job.stop(why);
    },
  };
}
