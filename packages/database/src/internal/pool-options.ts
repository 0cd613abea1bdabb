import { durationOption } from '@ent/internal';
import { databaseErrors } from '../errors.ts';
import type { Duration } from '../options.ts';

/** How long calls wait for a connection. */
export interface AcquireOptions {
  /**
   * How long a call waits for a connection that is free, at most; then it fails with `database.pool_timeout`. Default:
   * as long as the call may take.
   */
  readonly acquireTimeout?: Duration | undefined;
  /**
   * A connection that is in use for longer is told as a warning of the process (`ENT_DATABASE_LEAK`), with the place
   * where it was taken; that place costs some microseconds a call. Default: off.
   */
  readonly leakAfter?: Duration | undefined;
}

/** How many connections a driver makes, and how long it keeps them. */
export interface PoolOptions {
  /** Connections, at the most. Default 10. */
  readonly max?: number | undefined;
  /** Connections that stay open when nobody uses them. Default 0. */
  readonly min?: number | undefined;
  /** How long a connection may be unused before it is closed. Default `"30s"`. */
  readonly idleTimeout?: Duration | undefined;
  /** How old a connection may become; it is closed when it is free. Default `"1h"`. */
  readonly maxLifetime?: Duration | undefined;
  /** How long connecting to one host may take. Default `"5s"`. */
  readonly connectTimeout?: Duration | undefined;
}

/** The names of {@link AcquireOptions}. */
export const ACQUIRE_NAMES = { acquireTimeout: true, leakAfter: true } as const;
/** The names of {@link PoolOptions}. */
export const POOL_NAMES = { max: true, min: true, idleTimeout: true, maxLifetime: true, connectTimeout: true } as const;

/** What {@link AcquireOptions} come to, in milliseconds. */
export interface AcquireSettings {
  readonly acquireTimeoutMs: number | undefined;
  readonly leakAfterMs: number | undefined;
}

/** What {@link AcquireOptions} and {@link PoolOptions} come to, in milliseconds. */
export interface PoolSettings extends AcquireSettings {
  readonly max: number;
  readonly min: number;
  readonly idleTimeoutMs: number;
  readonly maxLifetimeMs: number;
  readonly connectTimeoutMs: number;
}

const invalid = databaseErrors.invalid_definition;

/**
 * @param driver for messages
 * @throws `database.invalid_definition`
 */
export function poolSettings(driver: string, options: AcquireOptions & PoolOptions): PoolSettings {
  const time = (value: Duration, name: string): number => timeOption(driver, value, name);
  const max = wholeOption(driver, options.max ?? 10, 'max', 1);
  const min = wholeOption(driver, options.min ?? 0, 'min', 0);
  if (min > max) throw invalid(`${driver}: min (${min}) is more than max (${max}).`);
  return {
    max,
    min,
    idleTimeoutMs: time(options.idleTimeout ?? '30s', 'idleTimeout'),
    maxLifetimeMs: time(options.maxLifetime ?? '1h', 'maxLifetime'),
    connectTimeoutMs: time(options.connectTimeout ?? '5s', 'connectTimeout'),
    ...acquireSettings(driver, options),
  };
}

/**
 * @param driver for messages
 * @throws `database.invalid_definition`
 */
export function acquireSettings(driver: string, { acquireTimeout, leakAfter }: AcquireOptions): AcquireSettings {
  return {
    acquireTimeoutMs: acquireTimeout === undefined ? undefined : timeOption(driver, acquireTimeout, 'acquireTimeout'),
    leakAfterMs: leakAfter === undefined ? undefined : timeOption(driver, leakAfter, 'leakAfter'),
  };
}

/** A time that was given as an option, in milliseconds. @throws `database.invalid_definition` */
export function timeOption(driver: string, value: Duration, name: string): number {
  return durationOption(value, name, (message, given) => invalid(`${driver}: ${message}`, given));
}

/** A number that was given as an option. @throws `database.invalid_definition` */
export function wholeOption(driver: string, value: unknown, name: string, least: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  throw invalid(`${driver}: ${name} must be a whole number from ${least} on.`);
}

/** What the options say of several hosts: which one to take. Default: `read-write` where there are several. */
export function targetOption(
  driver: string,
  target: 'any' | 'read-write' | undefined,
  hosts: readonly unknown[],
): 'any' | 'read-write' {
  const { length } = hosts;
  const taken = target ?? (length > 1 ? 'read-write' : 'any');
  if (taken !== 'any' && taken !== 'read-write') {
    throw invalid(`${driver}: targetSession must be 'any' or 'read-write'.`);
  }
  return taken;
}

/** Options that were given beside a URL that says the same. @throws `database.invalid_definition` */
export function refuseTwice(driver: string, told: object, given: object): void {
  const both = Object.keys(told).find((name) => Reflect.get(given, name) !== undefined);
  if (both !== undefined) throw invalid(`${driver}: ${both} is given twice, in the URL and as an option.`);
}
