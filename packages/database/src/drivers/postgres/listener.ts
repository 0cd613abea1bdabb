import { EntError } from '@ent/errors';
import { exponentialBackoff, outsideContext, pause, startTimer, withDeadline } from '@ent/internal';
import { Client, type ClientConfig } from 'pg';
import { databaseErrors } from '../../errors.ts';
import type { PgClient } from './client.ts';
import { LostConnectionError } from './errors.ts';
import type { Settings } from './options.ts';
import { configOf, PROBE, unreachable } from './pool.ts';

/** How often the server is asked whether it is there: who only receives would never learn that it is not. */
const CHECK_MS = 5_000;
const ENDING_MS = 1_000;
const backoff = exponentialBackoff({ baseMs: 50, maxMs: 5_000 });

/** What a listener tells, outside of any transaction. */
export interface Hearing {
  readonly onNotification: (payload: string) => unknown;
  readonly onGap: () => unknown;
  readonly onError: (error: unknown) => void;
}

/** One connection that listens to one channel, made anew whenever it is lost. */
export class Listener {
  readonly #settings: Settings;
  readonly #channel: string;
  readonly #hearing: Hearing;
  readonly #closing = new AbortController();
  #client: Client | undefined;
  #reconnecting: Promise<void> | undefined;

  constructor(settings: Settings, channel: string, hearing: Hearing) {
    this.#settings = settings;
    this.#channel = channel;
    this.#hearing = hearing;
  }

  /** Listens on the first host that lets it: a standby refuses. */
  async open(): Promise<void> {
    const { pool, hosts } = this.#settings;
    const configs = pool === undefined ? hosts.map((host) => configOf(this.#settings, host)) : [pool.options];
    let failure: unknown;
    for (const config of configs as ClientConfig[]) {
      try {
        await this.#listen(new Client(config));
        return;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#reconnecting;
    const client = this.#client;
    if (client === undefined) return;
    await withDeadline(() => client.end(), ENDING_MS, tooLate).catch(() => destroy(client));
  }

  async #listen(client: Client): Promise<void> {
    const { connectTimeoutMs } = this.#settings;
    let isListening = false;
    // Comes before `end`, which says the same.
    client.on('error', () => {});
    client.once('end', () => {
      if (isListening && !this.#closing.signal.aborted) this.#reconnecting = this.#reconnect();
    });
    client.on('notification', ({ payload = '' }) => this.#tell(() => this.#hearing.onNotification(payload)));
    try {
      await withDeadline(() => this.#begin(client), connectTimeoutMs, tooLate, this.#closing.signal);
    } catch (error) {
      destroy(client);
      throw error;
    }
    isListening = true;
    this.#client = client;
    this.#check(client);
  }

  async #begin(client: Client): Promise<void> {
    try {
      await client.connect();
      const { rows } = await client.query<Record<string, unknown>>(`select ${PROBE}`);
      if (Number(rows[0]?.['pid']) !== (client as unknown as PgClient).processID) {
        throw databaseErrors.unsupported(
          'listen: there is a pooler in between, which lends the connection to others. Listen with a database whose URL names the server itself.',
        );
      }
      if (this.#settings.needsWrites && rows[0]?.['read_only'] === 'on') {
        throw new LostConnectionError('the server takes no writes');
      }
      await client.query(`listen ${client.escapeIdentifier(this.#channel)}`);
    } catch (error) {
      throw EntError.is(error) ? error : unreachable(error as Error, client);
    }
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#closing;
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        await this.open();
        this.#tell(this.#hearing.onGap);
        return;
      } catch {
        await pause(backoff(tries), signal);
      }
    }
  }

  #check(client: Client): void {
    const ask = async (): Promise<void> => {
      if (this.#client !== client || this.#closing.signal.aborted) return;
      try {
        await withDeadline(() => client.query('select 1'), this.#settings.connectTimeoutMs, tooLate);
        this.#check(client);
      } catch {
        destroy(client);
      }
    };
    startTimer(CHECK_MS, () => void ask()).unref();
  }

  /** Calls the application, not in the transaction in which it has begun to listen. */
  #tell(what: () => unknown): void {
    void outsideContext(() => Promise.resolve().then(what).catch(this.#hearing.onError));
  }
}

function tooLate(): Error {
  return new LostConnectionError('the server did not answer in time');
}

function destroy(client: Client): void {
  (client as unknown as PgClient).connection.stream.destroy();
}
