import { createDatabase, createMigrator, type Database } from '@ent/database';
import type { SqlNative } from '@ent/database/sql';
import { sqlite } from '@ent/database/sqlite';
import { afterEach, expect, vi } from 'vitest';
import { memory } from '../src/drivers/memory.ts';
import { createInboxTable } from '../src/inbox.ts';
import {
  type Clock,
  createMessaging,
  type Message,
  type Messaging,
  type MessagingDriver,
  type SendResult,
  type WireMessage,
} from '../src/index.ts';
import {
  createOutbox,
  createOutboxTables,
  type Outbox,
  type OutboxOptions,
  type Relay,
  type RelayOptions,
} from '../src/outbox.ts';

/** The tables of an outbox and an inbox. */
export async function migrate(db: Database<SqlNative>): Promise<void> {
  await createMigrator(db, [
    { name: '0001_outbox', up: (native) => createOutboxTables(native) },
    { name: '0002_inbox', up: (native) => createInboxTable(native) },
  ]).up();
}

/** The body of a message as text. */
export const bodyOf = ({ body }: { readonly body: Uint8Array }): string => Buffer.from(body).toString();

type Send = MessagingDriver['send'];

/** A driver that sends by other means. */
export function sendingBy<D extends MessagingDriver>(
  driver: D,
  send: (batch: readonly WireMessage[], ordinary: Send, call: Parameters<Send>[1]) => ReturnType<Send>,
): D {
  return { ...driver, send: (batch, call) => send(batch, driver.send, call) };
}

/** A broker that refuses the messages that a test chooses, and passes all others on. */
export function refusing<D extends MessagingDriver>(
  driver: D,
  refuses: (message: WireMessage) => boolean,
  status: 'rejected' | 'indeterminate' = 'rejected',
): D {
  return sendingBy(driver, async (batch, ordinary, call) => {
    const passed = batch.filter((message) => !refuses(message));
    const answers = passed.length > 0 ? await ordinary(passed, call) : [];
    return batch.map((message): SendResult => {
      const at = passed.indexOf(message);
      return at < 0 ? { status, error: new Error('refused') } : (answers[at] as SendResult);
    });
  });
}

/** What a test sets up, and what is closed after it. */
export interface Place {
  readonly db: Database<SqlNative>;
  readonly messaging: Messaging;
  readonly outbox: Outbox;
  /** What arrived, in its order. */
  readonly arrived: Message[];
  /** The data of it. */
  data(): unknown[];
  outboxOf(options?: Partial<OutboxOptions>): Outbox;
  relay(options?: RelayOptions & { readonly outbox?: Outbox; readonly messaging?: Messaging }): Promise<Relay>;
  publish(data: unknown, options?: Parameters<Outbox['publish']>[2], by?: Outbox): Promise<string>;
}

/** A database in memory, a broker in memory with a group that takes everything, and what tests do with them. */
export function useOutbox() {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  return async ({
    clock,
    driver,
  }: {
    clock?: Clock;
    driver?: (broker: ReturnType<typeof memory>) => MessagingDriver;
  } = {}): Promise<Place> => {
    const timed = clock && { clock };
    if (clock) {
      // The database makes a break when a turn of the event loop takes long: on a busy machine the clock would go on
      // before a relay is done with what fell due.
      const stopped = vi.spyOn(performance, 'now').mockReturnValue(0);
      ends.push(() => stopped.mockRestore());
    }
    const db = createDatabase<SqlNative>({ driver: sqlite({ file: ':memory:' }) });
    await migrate(db);
    const broker = memory(timed);
    const messaging = createMessaging({ driver: driver?.(broker) ?? broker, ...timed });
    ends.push(
      () => db.close(),
      () => messaging.close({ timeout: 1 }),
    );
    const arrived: Message[] = [];
    const listening = createMessaging({ driver: { ...broker, close: async () => {} }, ...timed });
    ends.push(() => listening.close({ timeout: 1 }));
    await listening.subscribe('t', { group: 'g' }, (message) => void arrived.push(message));
    const outboxOf = (options: Partial<OutboxOptions> = {}): Outbox => createOutbox({ db, ...timed, ...options });
    const outbox = outboxOf();
    return {
      db,
      messaging,
      outbox,
      arrived,
      data: () => arrived.map(({ data }) => data),
      outboxOf,
      async relay({ outbox: own = outbox, messaging: by = messaging, ...options } = {}) {
        const relay = own.relay(by, { ...timed, random: () => 0.5, ...options });
        ends.push(() => relay.close({ timeout: 1 }));
        await relay.start();
        return relay;
      },
      publish: (data, options, by = outbox) => db.transaction(async () => (await by.publish('t', data, options)).id),
    };
  };
}

/** Waits until so many have arrived. */
export async function arrive(place: Place, count: number): Promise<void> {
  await expect.poll(() => place.arrived.length).toBeGreaterThanOrEqual(count);
}
