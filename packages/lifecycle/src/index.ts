export { channels, type HealthOperation, type LifecycleOperation } from './channels.ts';
export { lifecycleErrors } from './errors.ts';
export {
  type CheckResult,
  createHealth,
  type Health,
  type HealthBody,
  type HealthReport,
  type HealthStatus,
} from './health.ts';
export { createLifecycle, type Lifecycle, type LifecycleState } from './lifecycle.ts';
export type { Component, Duration, HealthCheck, HealthOptions, LifecycleOptions } from './options.ts';
export { type SignalOptions, stopOnSignals } from './signals.ts';
export { type SpringComponent, type SpringHealthReport, springHealth, type SpringStatus } from './spring.ts';
