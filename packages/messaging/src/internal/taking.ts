import type { Delivery, Source, WireMessage } from '../driver.ts';
import type { Timing } from './clock.ts';
import { renewing } from './renewal.ts';

/** So long nothing has to come until there is nothing more: what was counted may have gone to somebody else. */
const QUIET_MS = 5000;

/** Messages of a group that are taken by hand, and go back in their old order unless they are done. */
export class Taking {
  readonly #source: Source;
  readonly #time: Timing;
  /** Of what is neither done nor given back. */
  readonly #tokens = new Map<WireMessage, unknown>();
  readonly #endRenewal: () => void;

  constructor(source: Source, time: Timing) {
    this.#source = source;
    this.#time = time;
    this.#endRenewal = renewing(
      source,
      time.clock,
      () => [...this.#tokens.values()],
      () => {},
    );
  }

  /** At most `max`, in their order; none when the signal aborts, or when nothing comes for a while. */
  async take(max: number, signal: AbortSignal): Promise<WireMessage[]> {
    const quiet = new AbortController();
    const end = (): void => quiet.abort();
    const cancel = this.#time.clock.after(QUIET_MS, end, true);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      let deliveries: Delivery[] = [];
      while (deliveries.length === 0 && !quiet.signal.aborted) {
        deliveries = await this.#source.receive(max, quiet.signal);
      }
      for (const { message, token } of deliveries) this.#tokens.set(message, token);
      return deliveries.map(({ message }) => message);
    } finally {
      cancel();
      signal.removeEventListener('abort', end);
    }
  }

  /** They are gone. */
  async done(messages: readonly WireMessage[]): Promise<void> {
    const tokens = messages.map((message) => this.#tokens.get(message));
    for (const message of messages) this.#tokens.delete(message);
    await this.#source.settle(tokens.map((token) => ({ token, action: 'ack' })));
  }

  /** Gives back what is not done. */
  async close(): Promise<void> {
    this.#endRenewal();
    await this.#source.close();
  }
}
