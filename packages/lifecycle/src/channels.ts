import type { TracingChannel } from 'node:diagnostics_channel';
import { operationChannel } from '@ent/internal';

/** Published while a component starts (`ent:lifecycle:start`) or stops (`ent:lifecycle:stop`). */
export interface LifecycleOperation {
  component: string;
}

/** Published for each health check that is run, not for outcomes that are reused (`ent:lifecycle:check`). */
export interface HealthOperation {
  check: string;
  critical: boolean;
}

/** The channels of this package; subscribe with `channels.start.subscribe({ end, error, asyncEnd, ... })`. */
export const channels: {
  readonly start: TracingChannel<LifecycleOperation, LifecycleOperation>;
  readonly stop: TracingChannel<LifecycleOperation, LifecycleOperation>;
  readonly check: TracingChannel<HealthOperation, HealthOperation>;
} = {
  start: operationChannel<LifecycleOperation>('lifecycle', 'start'),
  stop: operationChannel<LifecycleOperation>('lifecycle', 'stop'),
  check: operationChannel<HealthOperation>('lifecycle', 'check'),
};
