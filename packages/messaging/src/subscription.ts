import type { MessagingDriver } from './driver.ts';
import { messagingErrors } from './errors.ts';
import { type Delay, durationOption } from './internal/backoff.ts';
import { pause } from './internal/clock.ts';
import { type Connection, createConnection } from './internal/connection.ts';
import type { JobSpec } from './internal/job.ts';
import type { CloseOptions } from './options.ts';

/** A running subscription. */
export interface Subscription {
  readonly topic: string;
  readonly group: string;
  /** The topic of its dead letters. */
  readonly deadLetter: string;
  /**
   * Receives no more, gives back what was not begun, and waits for the handlers that run. Those that take longer than the
   * timeout are aborted, and their messages go back to the group. Further calls wait for the first.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** What a subscription is made of, checked. */
export interface SubscriptionSetup extends JobSpec {
  readonly concurrency: number;
  readonly prefetch: number;
  readonly backoff: Delay;
  readonly deadLetter: string;
}

/** Opens a source and receives from it, until closed; a source that dies is opened anew, without end. */
export async function startSubscription(
  driver: MessagingDriver,
  setup: SubscriptionSetup,
  signal: AbortSignal,
): Promise<Subscription> {
  // The first one is opened here: a broker that can not be reached, or does not allow it, is told to the caller.
  const first = await connect(driver, setup, signal);
  if (signal.aborted) {
    // The caller has been told that it took too long: nobody would ever close this one.
    await first.drain();
    signal.throwIfAborted();
  }
  const stopping = new AbortController();
  let connection: Connection | undefined = first;
  let closing: Promise<void> | undefined;

  const receive = async (stop: AbortSignal): Promise<void> => {
    let failures = 0;
    while (connection || !stop.aborted) {
      try {
        connection ??= await connect(driver, setup, stop);
        await connection.receive(stop);
        await connection.drain();
        return;
      } catch {
        // Whatever it had given out is not ours any more: the broker gives it to the next one.
        connection?.stop('lost');
        if (connection) failures = 0;
        connection = undefined;
        await pause(setup.time.clock, setup.time.reopen(++failures), stop);
      }
    }
  };
  const received = receive(stopping.signal);

  return {
    topic: setup.topic,
    group: setup.group,
    deadLetter: setup.deadLetter,
    async close(options = {}) {
      const timeoutMs = durationOption(options.timeout ?? '30s', 'timeout');
      closing ??= (async () => {
        stopping.abort(messagingErrors.closed(`The subscription of "${setup.group}" to "${setup.topic}" is closing.`));
        const cancel = setup.time.clock.after(timeoutMs, () => connection?.stop('released'));
        await received;
        cancel();
      })();
      return closing;
    },
  };
}

/** Topology is made again with each connection: somebody may have deleted it, or a broker come back without it. */
async function connect(driver: MessagingDriver, setup: SubscriptionSetup, signal: AbortSignal): Promise<Connection> {
  const spec = { topic: setup.topic, group: setup.group };
  await driver.ensure({ topic: setup.deadLetter, group: 'dead' }, { signal });
  await driver.ensure(spec, { signal });
  return createConnection(driver, await driver.open(spec, { signal }), setup);
}
