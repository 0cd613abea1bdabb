import { readFileSync } from 'node:fs';
import { databaseErrors } from '../../errors.ts';
import { wholeOption } from './pool-options.ts';

/** Where a server listens. */
export interface Address {
  /** A name, an address, or the path of a Unix socket (for PostgreSQL: of its folder). */
  readonly host: string;
  readonly port: number;
}

const invalid = databaseErrors.invalid_definition;

/** A host of a URL: `db`, `db:5433`, `[::1]:5433`. */
export function addressOf(host: string, defaultPort: number): Address {
  const { hostname, port } = new URL(`http://${host}`);
  // `URL` drops the port that is http's own.
  const given = /:(\d+)$/.exec(host)?.[1] ?? port;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: given === '' ? defaultPort : Number(given) };
}

/**
 * The options `host` and `port`.
 *
 * @param needs what to say where there is none
 * @throws `database.invalid_definition`
 */
export function addressesOf(
  driver: string,
  host: string | readonly string[],
  port: unknown,
  needs: string,
): readonly Address[] {
  const given = [host].flat();
  const hosts = given.filter((each: unknown) => typeof each === 'string' && each !== '');
  if (hosts.length === 0 || hosts.length < given.length) throw invalid(needs);
  return hosts.map((each) => ({ host: each, port: wholeOption(driver, port, 'port', 1) }));
}

/** What OpenTelemetry calls a pool of connections to the first of these. */
export function poolName([first]: readonly Address[], namespace: string): string {
  return first === undefined ? namespace : `${first.host}:${first.port}/${namespace}`;
}

/** The text of a file that a URL names, such as a certificate. @throws `database.invalid_definition` */
export function fileOf(driver: string, parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw invalid(`${driver}: the file of ${parameter} cannot be read.`, { cause });
  }
}

/** The parameters of a URL that say how many connections, and for how long. */
export const POOL_PARAMETERS = ['max', 'min', 'idleTimeout', 'maxLifetime', 'acquireTimeout'] as const;

/** What they say, named as the options; the driver checks the values. */
export function poolTold({
  max,
  min,
  idleTimeout,
  maxLifetime,
  acquireTimeout,
}: Readonly<Partial<Record<(typeof POOL_PARAMETERS)[number], string>>>): PoolTold {
  return {
    ...(max !== undefined && { max: Number(max) }),
    ...(min !== undefined && { min: Number(min) }),
    ...(idleTimeout !== undefined && { idleTimeout }),
    ...(maxLifetime !== undefined && { maxLifetime }),
    ...(acquireTimeout !== undefined && { acquireTimeout }),
  };
}

/** What {@link poolTold} answers. */
export interface PoolTold {
  readonly max?: number;
  readonly min?: number;
  readonly idleTimeout?: string;
  readonly maxLifetime?: string;
  readonly acquireTimeout?: string;
}
