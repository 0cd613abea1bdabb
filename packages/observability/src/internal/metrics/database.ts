import { onOperation } from '../../operations.ts';
import type { Numbers, Place } from '../place.ts';
import { readPools } from '../pools.ts';
import { listen, type Stop } from './stop.ts';

/** What is read of the channels of `@ent/database`, which documents them in full. */
interface Query {
  readonly system: string;
  readonly namespace: string;
  readonly operation: string;
  readonly entity?: string;
  readonly errorCode?: string;
}
interface Connection {
  readonly pool: string;
  readonly waitMs?: number;
  readonly useMs?: number;
  readonly outcome?: string;
}
/** As the semantic conventions advise. */
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const POOL = 'db.client.connection.pool.name';

/** Queries, and the pools of connections. */
export function database(place: Place): Stop[] {
  pools(place);
  return [queries(place), connections(place)];
}

function queries(place: Place): Stop {
  const duration = place.histogram({
    name: 'db.client.operation.duration',
    unit: 's',
    help: 'Duration of the operations of a database, in seconds.',
    attributes: ['db.system.name', 'db.namespace', 'db.collection.name', 'db.operation.name', 'error.type'],
    buckets: BUCKETS,
  });
  return onOperation<Query>('ent:database:query', {
    end({ payload: { system, namespace, entity = '', operation, errorCode }, durationMs, error }) {
      const errorType = errorCode ?? (error === undefined ? '' : 'error');
      duration.cell(system, namespace, entity, operation, errorType).observe(durationMs / 1000);
    },
  });
}

function connections(place: Place): Stop {
  const attributes = [POOL];
  const wait = place.histogram({
    name: 'db.client.connection.wait_time',
    unit: 's',
    help: 'How long it took to get a connection of the pool, in seconds.',
    attributes,
    buckets: BUCKETS,
  });
  const use = place.histogram({
    name: 'db.client.connection.use_time',
    unit: 's',
    help: 'How long a connection of the pool was in use, in seconds.',
    attributes,
    buckets: BUCKETS,
  });
  const timeouts = place.counter({
    name: 'db.client.connection.timeouts',
    unit: '{timeout}',
    help: 'Calls for which no connection of the pool was free in time.',
    attributes,
  });
  // It has its times with it: nothing has to be noted when it begins.
  const onEnd = (message: unknown): void => {
    const { pool, waitMs, useMs, outcome } = message as Connection;
    if (waitMs !== undefined) wait.cell(pool).observe(waitMs / 1000);
    if (useMs !== undefined) use.cell(pool).observe(useMs / 1000);
    if (outcome === 'timeout') timeouts.cell(pool).value++;
  };
  return listen({ 'tracing:ent:database:connection:asyncEnd': onEnd });
}

/** Numbers that change all the time are asked for when they are collected. */
function pools(place: Place): void {
  const pending: Numbers = place.gauge({
    name: 'db.client.connection.pending_requests',
    unit: '{request}',
    help: 'Number of calls that wait for a connection of the pool.',
    attributes: [POOL],
    collect() {
      pending.reset();
      for (const { pool, waiting } of readPools()) pending.cell(pool).value = waiting;
    },
  });
  const max: Numbers = place.gauge({
    name: 'db.client.connection.max',
    unit: '{connection}',
    help: 'Number of connections that the pool may have.',
    attributes: [POOL],
    collect() {
      max.reset();
      for (const { pool, max: most } of readPools()) if (most !== undefined) max.cell(pool).value = most;
    },
  });
  const states: Numbers = place.gauge({
    name: 'db.client.connection.count',
    unit: '{connection}',
    help: 'Number of connections of the pool, by state: idle, used.',
    attributes: [POOL, 'db.client.connection.state'],
    collect() {
      states.reset();
      for (const { pool, idle, inUse } of readPools()) {
        states.cell(pool, 'idle').value = idle;
        states.cell(pool, 'used').value = inUse;
      }
    },
  });
}
