import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Delivery, MessagingDriver, Source, SubscriptionSpec, WireMessage } from '../driver.ts';
import { createMessaging, type Messaging } from '../messaging.ts';
import type { MessagingHarness } from './suite.ts';

/** What a case works with. */
export interface Kit {
  readonly harness: MessagingHarness;
  readonly driver: MessagingDriver;
  /** A topic that no other case uses. */
  readonly topic: string;
  readonly signal: AbortSignal;
  /** A second driver on the same broker. */
  another(): Promise<MessagingDriver>;
  /** The portable API on a driver of its own. */
  messaging(): Promise<Messaging>;
  /** Makes the group and opens a source. */
  open(group: string, topic?: string): Promise<Source>;
  /** Sends messages with these texts as bodies, and demands that they are stored. */
  send(...bodies: string[]): Promise<void>;
  /** Receives until there are so many; fails when they do not come. */
  receive(source: Source, count: number): Promise<Delivery[]>;
  /** What a call answers, or a failure when it does not. */
  soon<T>(work: Promise<T>): Promise<T>;
  /** Gives a source the chance to deliver something, and demands that it does not. */
  receiveNothing(source: Source): Promise<void>;
  pass(ms: number): Promise<void>;
  /** Lets time pass in small steps until the condition holds. */
  until(what: string, condition: () => boolean): Promise<void>;
}

/** A case: with the kit set up before, and everything closed after it. */
export interface CaseDefinition {
  readonly name: string;
  readonly needs?: 'disconnect';
  run(harness: MessagingHarness): Promise<void>;
}

const PATIENCE_MS = 20_000;
/** How long nothing has to come for "nothing came". Leases in a suite that really waits have to be some times longer. */
const QUIET_MS = 100;

export function defineCase(name: string, work: (kit: Kit) => Promise<void>, needs?: 'disconnect'): CaseDefinition {
  return {
    name,
    ...(needs && { needs }),
    async run(harness) {
      const ends: (() => Promise<void>)[] = [];
      const driver = await harness.make();
      ends.push(() => driver.close());
      try {
        await work(await createKit(harness, driver, ends));
      } finally {
        for (const end of ends.reverse()) await end().catch(() => {});
      }
    },
  };
}

async function createKit(
  harness: MessagingHarness,
  driver: MessagingDriver,
  ends: (() => Promise<void>)[],
): Promise<Kit> {
  const topic = `suite-${randomUUID()}`;
  const pass = harness.pass?.bind(harness) ?? ((ms: number) => wait(ms));
  const signal = new AbortController().signal;
  const patienceMs = harness.patienceMs ?? PATIENCE_MS;
  const deadline = (): number => performance.now() + patienceMs;
  /** A driver that does not answer fails its case, and does not hold up the rest. */
  const soon = async <T>(work: Promise<T>): Promise<T> => {
    const given = new AbortController();
    const late = wait(patienceMs, undefined, { signal: given.signal, ref: false }).then(() =>
      assert.fail('the driver does not answer'),
    );
    late.catch(() => {});
    return Promise.race([work, late]).finally(() => given.abort());
  };

  const receive = async (source: Source, count: number): Promise<Delivery[]> => {
    const all: Delivery[] = [];
    for (const end = deadline(); all.length < count; ) {
      assert.ok(performance.now() < end, `only ${all.length} of ${count} messages arrived`);
      const abort = new AbortController();
      const receiving = source.receive(count - all.length, abort.signal);
      // Time passes beside it, so that what is delayed or leased can come back.
      await Promise.race([receiving, pass(20)]);
      abort.abort();
      all.push(...(await soon(receiving)));
    }
    return all;
  };

  const another = async (): Promise<MessagingDriver> => {
    const made = await harness.make();
    ends.push(() => made.close());
    return made;
  };

  return {
    harness,
    driver,
    topic,
    signal,
    pass,
    receive,
    soon,
    another,
    async messaging() {
      const made = createMessaging({
        driver: await harness.make(),
        source: 'suite',
        ...(harness.clock && { clock: harness.clock }),
      });
      ends.push(() => made.close({ timeout: 1 }));
      return made;
    },
    async open(group, at = topic) {
      const spec: SubscriptionSpec = { topic: at, group };
      await driver.ensure(spec, { signal });
      const source = await driver.open(spec, { signal });
      ends.push(() => source.close());
      return source;
    },
    async send(...bodies) {
      const results = await driver.send(
        bodies.map((body) => wireMessage(topic, body)),
        { signal },
      );
      assert.deepEqual(
        results.map(({ status }) => status),
        bodies.map(() => 'stored'),
      );
    },
    async receiveNothing(source) {
      const abort = new AbortController();
      const receiving = source.receive(10, abort.signal);
      await Promise.race([receiving, pass(QUIET_MS)]);
      abort.abort();
      assert.deepEqual(textsOf(await soon(receiving)), [], 'nothing more was to be delivered');
    },
    async until(what, condition) {
      for (const end = deadline(); !condition(); await pass(20)) {
        assert.ok(performance.now() < end, `it did not happen: ${what}`);
      }
    },
  };
}

export function wireMessage(topic: string, body: string | Uint8Array, more: Partial<WireMessage> = {}): WireMessage {
  return {
    id: randomUUID(),
    topic,
    type: 'suite.tested',
    source: 'suite',
    subject: undefined,
    time: Date.UTC(2030, 0, 1),
    contentType: 'application/json',
    headers: {},
    body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
    ...more,
  };
}

export function textOf(delivery: Delivery): string {
  return new TextDecoder().decode(delivery.message.body);
}

export function textsOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(textOf);
}

/** The texts of deliveries that are the first of their messages: none had been given to somebody else before. */
export function firstTextsOf(deliveries: readonly Delivery[]): string[] {
  assert.deepEqual(
    deliveries.filter(({ attempt }) => attempt !== undefined && attempt !== 1),
    [],
    'these had been delivered to another group or topic before',
  );
  return textsOf(deliveries);
}

export function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, at) => String(at));
}
