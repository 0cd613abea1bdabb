/** A length of time: milliseconds, or a number with a unit such as `"250ms"`, `"30s"`, `"5m"`. */
export type Duration = number | string;

/** A part of a process that is started before it is used and stopped when the process ends. */
export interface Component {
  /**
   * Makes the part ready; it is awaited before the next part starts. The signal aborts when the start takes longer than
   * its `startTimeout` or when the process is told to stop meanwhile.
   */
  start?(signal: AbortSignal): unknown;
  /**
   * Ends the part; called once, only if its start succeeded, after the parts that started later have stopped. The
   * signal aborts when the time for stopping is up.
   */
  stop?(signal: AbortSignal): unknown;
  /** How long its start may take. Default: {@link LifecycleOptions.startTimeout}. */
  startTimeout?: Duration | undefined;
  /**
   * How long its stop may take at most, so that one that hangs leaves time for those after it. Default: what is left of
   * {@link LifecycleOptions.stopTimeout}.
   */
  stopTimeout?: Duration | undefined;
  /**
   * Names of parts that it needs: they start before it and stop after it, wherever they are added. Default: none; parts
   * are in the order in which they were added.
   */
  after?: readonly string[] | undefined;
  /** Shows whether the part works; it becomes a health check under the component's name. See {@link HealthCheck}. */
  check?: HealthCheck['check'] | undefined;
  /** The other settings of that health check. */
  health?: Omit<HealthCheck, 'check'> | undefined;
}

/** Options of `createLifecycle`. */
export interface LifecycleOptions {
  /** How long each component may take to start that does not say so itself. Default `"30s"`. */
  startTimeout?: Duration | undefined;
  /**
   * How long `stop()` keeps serving after readiness went to "fail", so that load balancers notice before anything
   * closes. Default `0`: behind Kubernetes or a load balancer set it to a little more than its probe interval.
   */
  drainDelay?: Duration | 0 | undefined;
  /** How long all components together may take to stop, after the drain delay. Default `"20s"`. */
  stopTimeout?: Duration | undefined;
  /** Where the health checks of the components go. Default: a new `createHealth()`. */
  health?: HealthOptions | undefined;
}

/** One thing to check. */
export interface HealthCheck {
  /**
   * Resolves when the thing works; throws, or gives `false`, when it does not. The signal aborts after `timeout`.
   */
  check(signal: AbortSignal): unknown;
  /** How long a check may take before it counts as failed. Default `"2s"`. */
  timeout?: Duration | undefined;
  /**
   * How long an outcome is reused, so that frequent probes do not become load. Default `"1s"`; `0` checks each time.
   */
  cacheFor?: Duration | 0 | undefined;
  /** Whether readiness fails with it. A check that is not critical turns the report to "warn". Default `true`. */
  critical?: boolean | undefined;
  /** `componentType` of the report, e.g. `"datastore"`, `"component"`, `"system"`. Default `"component"`. */
  type?: string | undefined;
}

/** Options of `createHealth`: what the report says of the service itself. */
export interface HealthOptions {
  /** Public version of the service. */
  version?: string | undefined;
  /** A stable name of the service. */
  serviceId?: string | undefined;
  /** A clock for lengths of time, in milliseconds. Default: a monotonic one; tests set it. */
  elapsed?: (() => number) | undefined;
  /** The clock of the report's times, in milliseconds since the epoch. Default `Date.now`; tests set it. */
  now?: (() => number) | undefined;
}
