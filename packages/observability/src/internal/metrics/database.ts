import { onOperation } from '../../operations.ts';
import { CounterFamily, GaugeFamily, HistogramFamily, type Place } from '../families.ts';
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
const POOL = 'db_client_connection_pool_name';

/** Queries, and the pools of connections. */
export function database(place: Place): Stop[] {
  pools(place);
  return [queries(place), connections(place)];
}

function queries(place: Place): Stop {
  const duration = new HistogramFamily(place, {
    name: 'db_client_operation_duration_seconds',
    help: 'Duration of the operations of a database, in seconds.',
    labelNames: ['db_system_name', 'db_namespace', 'db_collection_name', 'db_operation_name', 'error_type'],
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
  const labelNames = [POOL];
  const wait = new HistogramFamily(place, {
    name: 'db_client_connection_wait_time_seconds',
    help: 'How long it took to get a connection of the pool, in seconds.',
    labelNames,
    buckets: BUCKETS,
  });
  const use = new HistogramFamily(place, {
    name: 'db_client_connection_use_time_seconds',
    help: 'How long a connection of the pool was in use, in seconds.',
    labelNames,
    buckets: BUCKETS,
  });
  const timeouts = new CounterFamily(place, {
    name: 'db_client_connection_timeouts_total',
    help: 'Calls for which no connection of the pool was free in time.',
    labelNames,
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
  const pending: GaugeFamily = new GaugeFamily(place, {
    name: 'db_client_connection_pending_requests',
    help: 'Number of calls that wait for a connection of the pool.',
    labelNames: [POOL],
    collect() {
      pending.reset();
      for (const { pool, waiting } of readPools()) pending.cell(pool).value = waiting;
    },
  });
  const max: GaugeFamily = new GaugeFamily(place, {
    name: 'db_client_connection_max',
    help: 'Number of connections that the pool may have.',
    labelNames: [POOL],
    collect() {
      max.reset();
      for (const { pool, max: most } of readPools()) if (most !== undefined) max.cell(pool).value = most;
    },
  });
  const states: GaugeFamily = new GaugeFamily(place, {
    name: 'db_client_connections',
    help: 'Number of connections of the pool, by state: idle, used.',
    labelNames: [POOL, 'state'],
    collect() {
      states.reset();
      for (const { pool, idle, inUse } of readPools()) {
        states.cell(pool, 'idle').value = idle;
        states.cell(pool, 'used').value = inUse;
      }
    },
  });
}
