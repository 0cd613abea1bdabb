import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Case } from '@ent/internal';
import type { Delivery, DriverCall, MessagingDriver, Source, SubscriptionSpec, WireMessage } from '../driver.ts';
import { createMessaging, type Messaging } from '../messaging.ts';
import type { MessagingHarness } from './harness.ts';

/** A case of this suite; `when` looks at the features, and at what else the harness can do. */
export type MessagingCase = Case<MessagingHarness, Kit>;

/** What a case works with. */
export interface Kit {
  readonly harness: MessagingHarness;
  readonly driver: MessagingDriver;
  /** A topic that no other case uses. */
  readonly topic: string;
  /** For a call of a driver that nobody gives up: its time begins when it is asked for. */
  readonly call: DriverCall;
  /** For receives that nobody gives up. */
  readonly signal: AbortSignal;
  /** A second driver on the same broker. */
  another(): Promise<MessagingDriver>;
  /** The portable API on a driver of its own. */
  messaging(): Promise<Messaging>;
  /** Makes the group and opens a source. */
  subscribe(group: string, more?: { topic?: string; prefetch?: number }): Promise<Source>;
  /** Sends messages with these texts as bodies, and demands that they are stored. */
  send(...bodies: string[]): Promise<void>;
  /** The same to another topic. */
  sendTo(topic: string, ...bodies: string[]): Promise<void>;
  /** Receives until there are so many; fails when they do not come. */
  receive(source: Source, count: number): Promise<Delivery[]>;
  /** What a call answers, or a failure when it does not. */
  soon<T>(work: Promise<T>): Promise<T>;
  /** Gives a source the chance to deliver something, and demands that it does not. */
  receiveNothing(source: Source): Promise<void>;
  /** Demands these attempts, where the broker counts them; elsewhere, that it does not say that it does. */
  assertAttempts(deliveries: readonly Delivery[], attempt: number): void;
  pass(ms: number): Promise<void>;
  /** How much time has passed, in milliseconds since some moment: what was passed, or what a clock says. */
  now(): number;
  /** Lets time pass in small steps until the condition holds. */
  until(what: string, condition: () => boolean): Promise<void>;
}

const PATIENCE_MS = 20_000;
/**
 * How long nothing has to come for "nothing came". Leases in a suite that really waits have to be some times longer.
 */
const QUIET_MS = 100;
/**
 * How long one receive waits before it is asked again. On a clock that is moved by hand time must pass in small steps.
 */
const TURN_MS = { moved: 20, real: 1000 };

/** By how much clocks and timers of two processes may differ over a second. */
export const CLOCK_MS = 20;

/** Sets up what a case works with, and closes everything after it. */
export async function withKit(harness: MessagingHarness, run: (kit: Kit) => Promise<void>): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  const make = async (): Promise<MessagingDriver> => {
    const driver = await harness.createDriver();
    ends.push(() => driver.close());
    assert.deepEqual(driver.features, harness.features, 'the driver has the features that the harness names');
    return driver;
  };
  try {
    await run(createKit(harness, await make(), make, ends));
  } finally {
    for (const end of ends.reverse()) await end().catch(() => {});
  }
}

function createKit(
  harness: MessagingHarness,
  driver: MessagingDriver,
  another: () => Promise<MessagingDriver>,
  ends: (() => Promise<void>)[],
): Kit {
  const topic = `suite-${randomUUID()}`;
  let passedMs = 0;
  const pass = (ms: number): Promise<void> => {
    passedMs += ms;
    return harness.pass ? harness.pass(ms) : wait(ms);
  };
  const { signal } = new AbortController();
  const patienceMs = harness.patienceMs ?? PATIENCE_MS;
  const callOf = (): DriverCall => ({ deadlineAt: performance.now() + Math.max(patienceMs, PATIENCE_MS), signal });
  const turnMs = harness.pass ? TURN_MS.moved : TURN_MS.real;
  const deadline = (): number => performance.now() + patienceMs;

  /** A driver that does not answer fails its case, and does not hold up the rest. */
  const soon = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new assert.AssertionError({ message: 'the driver does not answer' })),
        patienceMs,
      );
      work.then(resolve, reject).finally(() => clearTimeout(late));
    });

  /** Receives once; gives up when the time has passed without an answer. */
  const receiveWithin = async (ms: number, source: Source, max: number): Promise<Delivery[]> => {
    const given = new AbortController();
    const receiving = source.receive(max, given.signal).finally(() => given.abort());
    // Time passes beside it, so that what is delayed or leased can come back.
    await new Promise<void>((resolve, reject) => {
      receiving.then(() => resolve(), reject);
      pass(ms).then(resolve, reject);
    });
    given.abort();
    return soon(receiving);
  };

  const sendTo = async (to: string, ...bodies: string[]): Promise<void> => {
    const results = await driver.send(
      bodies.map((body) => wireMessage(to, body)),
      callOf(),
    );
    assert.deepEqual(
      results.map(({ status }) => status),
      bodies.map(() => 'stored'),
    );
  };

  const kit: Kit = {
    harness,
    driver,
    topic,
    get call() {
      return callOf();
    },
    signal,
    another,
    pass,
    now: () => (harness.pass ? passedMs : performance.now()),
    soon,
    async messaging() {
      const made = createMessaging({
        driver: await another(),
        source: 'suite',
        timeout: Math.max(patienceMs, 10_000),
        ...(harness.clock && { clock: harness.clock }),
      });
      // By the clock of the case, on which a driver that hangs is not waited for for ever.
      ends.push(() => passing(kit, made.close({ timeout: 1 })));
      return made;
    },
    async subscribe(group, { topic: at = topic, prefetch = 1000 } = {}) {
      const spec: SubscriptionSpec = { topic: at, group };
      await driver.ensure(spec, callOf());
      const source = await driver.subscribe({ ...spec, prefetch }, callOf());
      ends.push(() => source.close());
      return source;
    },
    send: (...bodies) => sendTo(topic, ...bodies),
    sendTo,
    async receive(source, count) {
      const all: Delivery[] = [];
      for (const end = deadline(); all.length < count; ) {
        assert.ok(performance.now() < end, `only ${all.length} of ${count} messages arrived`);
        all.push(...(await receiveWithin(turnMs, source, count - all.length)));
      }
      return all;
    },
    async receiveNothing(source) {
      assert.deepEqual(textsOf(await receiveWithin(QUIET_MS, source, 10)), [], 'nothing more was to be delivered');
    },
    assertAttempts(deliveries, attempt) {
      const expected = harness.features.countsAttempts ? attempt : undefined;
      assert.deepEqual(new Set(deliveries.map((delivery) => delivery.attempt)), new Set([expected]));
    },
    async until(what, condition) {
      for (const end = deadline(); !condition(); await pass(20)) {
        assert.ok(performance.now() < end, `it did not happen: ${what}`);
      }
    },
  };
  return kit;
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

export function textsOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ message }) => new TextDecoder().decode(message.body));
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

/** Whether what waits for long does so in the broker, and takes no place of a subscriber. */
export function keepsWaiting({ features }: MessagingHarness): boolean {
  return features.delays || (features.delayedRetry && features.countsAttempts);
}

/** What takes its time is given time. */
export async function passing<T>(kit: Kit, work: Promise<T>): Promise<T> {
  let ended = false;
  const end = (): void => void (ended = true);
  work.then(end, end);
  await kit.until('it ends', () => ended);
  return work;
}

/**
 * Settles with a delay, and receives the message again, not before that is over. It is measured: a process that stood
 * still meanwhile could not tell whether nothing came.
 */
export async function receiveDelayed(
  kit: Kit,
  source: Source,
  settlement: readonly [{ readonly token: unknown; readonly action: 'retry' | 'postpone'; readonly delayMs: number }],
): Promise<Delivery> {
  const begun = kit.now();
  assert.deepEqual(await source.settle(settlement), ['ok']);
  const [delivery] = await kit.receive(source, 1);
  const [passedMs, { delayMs }] = [kit.now() - begun, settlement[0]];
  assert.ok(passedMs >= delayMs - CLOCK_MS, `it came after ${passedMs} ms in place of ${delayMs}`);
  return delivery!;
}

/** The same as `until`, of a question whose answer takes its time. */
export async function untilAsync(kit: Kit, what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + (kit.harness.patienceMs ?? PATIENCE_MS);
  while (!(await condition())) {
    assert.ok(performance.now() < end, `it did not happen: ${what}`);
    await kit.pass(20);
  }
}
