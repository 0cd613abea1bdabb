import { onOperation } from '../../operations.ts';
import type { Numbers, Place } from '../place.ts';
import { readGroups, STATES } from '../groups.ts';
import { ADVISED_BUCKETS } from './buckets.ts';
import { codeOf } from './code-of.ts';
import type { Stop } from './stop.ts';

/** What is read of the channels of `@ent/messaging`, which documents them in full. */
interface Publishing {
  readonly driver: string;
  readonly topic: string;
  readonly messages: readonly unknown[];
}
interface Processing {
  readonly driver: string;
  readonly topic: string;
  readonly group: string;
  readonly attempt: number;
  readonly outcome?: string;
}
interface RelayBatch {
  readonly driver: string;
  readonly lagMs?: number;
  readonly stored: number;
  readonly unroutable: number;
  readonly postponed: number;
  readonly parked: readonly unknown[];
  readonly trouble?: string;
}

const DESTINATION = ['messaging.system', 'messaging.destination.name'];
const GROUP = [...DESTINATION, 'messaging.consumer.group.name'];
const PUBLISH = { 'messaging.operation.name': 'publish', 'messaging.operation.type': 'send' };
const PROCESS = { 'messaging.operation.name': 'process', 'messaging.operation.type': 'process' };

/** Messages that are published and handled, and the outboxes. */
export function messaging(place: Place): Stop[] {
  waiting(place);
  return [publishing(place), processing(place), relaying(place)];
}

function publishing(place: Place): Stop {
  const duration = place.histogram({
    name: 'messaging.client.operation.duration',
    unit: 's',
    help: 'Duration of the calls of a broker, in seconds.',
    attributes: [...DESTINATION, 'messaging.operation.name', 'error.type'],
    fixed: PUBLISH,
    buckets: ADVISED_BUCKETS,
  });
  const sent = place.counter({
    name: 'messaging.client.sent.messages',
    unit: '{message}',
    help: 'Messages that were published, or should have been.',
    attributes: [...DESTINATION, 'error.type'],
    fixed: PUBLISH,
  });
  return onOperation<Publishing>('ent:messaging:publish', {
    end({ payload: { driver, topic, messages }, durationMs, error }) {
      const errorType = codeOf(error);
      duration.cell(driver, topic, 'publish', errorType).observe(durationMs / 1000);
      sent.cell(driver, topic, errorType).value += messages.length;
    },
  });
}

function processing(place: Place): Stop {
  const duration = place.histogram({
    name: 'messaging.process.duration',
    unit: 's',
    help: 'Duration of the handling of messages, in seconds.',
    attributes: [...GROUP, 'error.type'],
    fixed: PROCESS,
    buckets: ADVISED_BUCKETS,
  });
  const consumed = place.counter({
    name: 'messaging.client.consumed.messages',
    unit: '{message}',
    help: 'Tries of messages, by what became of them: done, retry, dead_letter, postponed, expired, released, lost.',
    attributes: [...GROUP, 'ent.messaging.outcome'],
    fixed: PROCESS,
  });
  const redelivered = place.counter({
    name: 'ent.messaging.redelivered_messages',
    unit: '{message}',
    help: 'Messages that were handed to a handler again.',
    attributes: GROUP,
  });
  const dead = place.counter({
    name: 'ent.messaging.dead_lettered_messages',
    unit: '{message}',
    help: 'Messages that were given up, and went to the dead letters.',
    attributes: GROUP,
  });
  const active = place.gauge({
    name: 'ent.messaging.process.active_messages',
    unit: '{message}',
    help: 'Number of messages that are being handled.',
    attributes: GROUP,
  });
  // Its own: others measure the same messages. And the same cell at the end, also where all was reset meanwhile.
  const mine = Symbol('inProcess');
  type Counted = Processing & { [mine]?: { value: number } };
  return onOperation<Counted>('ent:messaging:process', {
    start(payload) {
      const inProcess = active.cell(payload.driver, payload.topic, payload.group);
      inProcess.value++;
      payload[mine] = inProcess;
    },
    end({ payload: { driver, topic, group, attempt, outcome = 'lost', [mine]: inProcess }, durationMs, error }) {
      if (inProcess !== undefined) inProcess.value--;
      // No handler was called.
      if (outcome !== 'expired') duration.cell(driver, topic, group, codeOf(error)).observe(durationMs / 1000);
      consumed.cell(driver, topic, group, outcome).value++;
      if (attempt > 1) redelivered.cell(driver, topic, group).value++;
      if (outcome === 'dead_letter') dead.cell(driver, topic, group).value++;
    },
  });
}

/** How far groups are is asked for when it is collected. */
function waiting(place: Place): void {
  const messages: Numbers = place.gauge({
    name: 'ent.messaging.group.messages',
    unit: '{message}',
    // Each process tells of the same messages.
    aggregator: 'max',
    help: 'Messages of a group, by state: ready (the lag), delayed, leased, dead. Each instance tells of the same ones.',
    attributes: [...GROUP, 'ent.messaging.state'],
    async collect() {
      const groups = await readGroups(place.collectTimeoutMs / 2);
      messages.reset();
      for (const { driver, topic, group, counts } of groups) {
        for (const state of STATES) {
          const value = counts?.[state];
          if (value !== undefined) messages.cell(driver, topic, group, state).value = value;
        }
      }
    },
  });
}

function relaying(place: Place): Stop {
  const attributes = ['messaging.system'];
  const messages = place.counter({
    name: 'ent.outbox.messages',
    unit: '{message}',
    help: 'Messages of outboxes that were tried, by what became of them: stored, unroutable, postponed, parked.',
    attributes: ['messaging.system', 'ent.outbox.outcome'],
  });
  const failures = place.counter({
    name: 'ent.outbox.relay_failures',
    unit: '{batch}',
    help: 'Batches of outboxes of which nothing got through, or that could not be read.',
    attributes,
  });
  // Each relay that has its turn tells for all; a gauge of one that has lost it would stay as it was.
  const lag = place.histogram({
    name: 'ent.outbox.lag',
    unit: 's',
    help: 'Age of the oldest message of each batch that a relay of an outbox read, in seconds.',
    attributes,
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600],
  });
  return onOperation<RelayBatch>('ent:messaging:relay', {
    end({ payload, error }) {
      const { driver, stored, unroutable, postponed, trouble, lagMs } = payload;
      const parked = payload.parked.length;
      for (const [outcome, count] of Object.entries({ stored, unroutable, postponed, parked })) {
        if (count > 0) messages.cell(driver, outcome).value += count;
      }
      if (error !== undefined || trouble !== undefined) failures.cell(driver).value++;
      if (lagMs !== undefined) lag.cell(driver).observe(lagMs / 1000);
    },
  });
}
