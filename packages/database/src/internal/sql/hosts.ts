import { hostAndPort } from '@ent/internal';
import type { DriverCall } from '../../driver.ts';
import type { Address } from './addresses.ts';

/** Several hosts, one of which is connected to: when that fails, the next one, for all that come after too. */
export class Hosts {
  readonly #all: readonly Address[];
  readonly #onMove: (host: Address) => void;
  #at = 0;

  /** @param onMove told when another one is taken */
  constructor(all: readonly Address[], onMove: (host: Address) => void = () => {}) {
    this.#all = all;
    this.#onMove = onMove;
  }

  /** The one to connect to now. There is none where the connections are those of an application's own pool. */
  get current(): Address {
    return this.#all[this.#at] as Address;
  }

  /**
   * Connects to the current one, or to those after it, each once.
   *
   * @param isOfHost whether another host may do better after this error
   */
  async connect<Connection>(
    call: DriverCall,
    connect: () => Promise<Connection>,
    isOfHost: (error: unknown) => boolean,
  ): Promise<Connection> {
    for (let tries = 1; ; tries += 1) {
      const at = this.#at;
      try {
        return await connect();
      } catch (error) {
        const isElsewhere = tries < this.#all.length && isOfHost(error) && !call.signal.aborted;
        if (!isElsewhere) throw error;
        // Who tried the same one has moved on already.
        if (this.#at === at) this.#at = (at + 1) % this.#all.length;
        this.#onMove(this.current);
      }
    }
  }
}

/** Connects `min` times, or once: what is wrong shows at once. */
export async function openAtFirst<Session>(
  min: number,
  connect: () => Promise<Session>,
  give: (session: Session) => void,
): Promise<void> {
  const sessions = await Promise.allSettled(Array.from({ length: Math.max(1, min) }, connect));
  const failed = sessions.find((each) => each.status === 'rejected');
  for (const each of sessions) if (each.status === 'fulfilled') give(each.value);
  if (failed !== undefined) throw failed.reason;
}

/** The server, for a message. */
export function serverAt(host: Address | undefined): string {
  return host === undefined ? 'the server' : `the server at ${hostAndPort(host.host, host.port)}`;
}
