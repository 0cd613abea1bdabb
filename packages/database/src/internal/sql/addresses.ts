import { readFileSync } from 'node:fs';
import { parseConnectionUrl } from '@ent/internal';
import { databaseErrors } from '../../errors.ts';
import { wholeOption } from '../pool-options.ts';

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

/** Who connects, and to which database. */
export interface Login {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly database?: string | undefined;
}

/** What a URL says before its parameters, and those as they stand there. */
export interface ReadServerUrl {
  readonly hosts: readonly Address[];
  readonly login: Login;
  readonly parameters: Readonly<Record<string, string | undefined>>;
}

/**
 * @param rule how URLs of this database begin, and what for messages; the port of hosts that name none; the parameters
 *   that there are
 * @throws `database.invalid_definition`; no part of the URL is in its message, since it can hold a password
 */
export function readServerUrl(
  text: string,
  rule: {
    readonly schemes: RegExp;
    readonly begin: string;
    readonly port: number;
    readonly parameters: readonly string[];
  },
): ReadServerUrl {
  const scheme = rule.schemes.exec(String(text))?.[1]?.toLowerCase();
  if (scheme === undefined) throw invalid(rule.begin);
  const { user, password, hosts, path, parameters } = parseConnectionUrl(
    scheme,
    text,
    { hosts: 'several', parameters: rule.parameters },
    { unknown: invalid, invalid },
  );
  const database = path.slice(1);
  return {
    parameters,
    hosts: hosts.map((host) => addressOf(host, rule.port)),
    login: {
      ...(user !== undefined && { user }),
      ...(password !== undefined && { password }),
      ...(database !== '' && { database }),
    },
  };
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
