/**
 * The levels, least severe first. `critical` is for what wakes somebody up, `error` for work that failed, `warning` for
 * what will fail if nobody looks, `info` for what happened, `debug` for whoever is looking for a fault.
 */
export const LOG_LEVELS = ['debug', 'info', 'warning', 'error', 'critical'] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Whether `value` is the name of a level; for input from outside, before it goes to `logger.setLevel`. */
export function isLogLevel(value: unknown): value is LogLevel {
  return (LOG_LEVELS as readonly unknown[]).includes(value);
}

/** Severity numbers of the OpenTelemetry log data model, in the order of {@link LOG_LEVELS}. */
export const OTEL_SEVERITY = [5, 9, 13, 17, 21] as const;
