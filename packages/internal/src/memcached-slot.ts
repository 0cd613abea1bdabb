import type { GcraSlot } from './shared-gcra.ts';

/** What {@link memcachedSlot} needs of a client: that of memcache-client. */
interface Memcached {
  xretrieve(command: string, keys: string[]): Promise<unknown>;
  add(key: string, value: string, options: { lifetime: number }): Promise<unknown>;
  cas(key: string, value: string, options: { lifetime: number; casUniq: string }): Promise<unknown>;
}

interface Found {
  readonly value: unknown;
  readonly casUniq: unknown;
}

/** The server knows whole seconds, and its ticks can fall short by two. */
const TICKS = 2;
/** A longer time would be taken for a date. */
const LONGEST_SECONDS = 30 * 24 * 60 * 60;
/** What the server answers when somebody was faster. */
const LOST: readonly string[] = ['NOT_STORED', 'EXISTS', 'NOT_FOUND'];

/** States of limits in Memcached, as text. */
export function memcachedSlot(client: Memcached, prefix: string): GcraSlot<string> {
  return {
    async read(key) {
      const name = prefix + key;
      // The array form: for a single key the client looks it up on the prototype too.
      const found = (await client.xretrieve('gets', [name])) as Readonly<Record<string, Found>>;
      if (!Object.hasOwn(found, name)) return undefined;
      const { value, casUniq } = found[name] as Found;
      const arrival = Number(String(value));
      // What another program put there counts for nothing, and is replaced.
      return { arrival: Number.isNaN(arrival) ? 0 : arrival, version: String(casUniq) };
    },
    async write(key, arrival, version, expiresInMs) {
      const lifetime = Math.min(Math.ceil(expiresInMs / 1000) + TICKS, LONGEST_SECONDS);
      try {
        if (version === undefined) await client.add(prefix + key, String(arrival), { lifetime });
        else await client.cas(prefix + key, String(arrival), { lifetime, casUniq: version });
        return true;
      } catch (error) {
        if (error instanceof Error && LOST.includes(error.message)) return false;
        throw error;
      }
    },
  };
}
