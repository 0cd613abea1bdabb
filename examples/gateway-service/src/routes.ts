import type { z } from 'zod';
import { gatewayErrors } from './errors.ts';
import type { SlowLimits } from './proxy/pace.ts';

/** A service: the instances that it has, and who it is to others. */
export interface ServiceDefinition {
  /** Base URLs of its instances. */
  readonly targets: readonly string[];
  /** Where its OpenAPI document is. Default: it has none. */
  readonly document?: string | undefined;
  /** When an instance is so slow beside the others that it is passed over; `false`: never. Default: see there. */
  readonly slow?: z.input<typeof SlowLimits> | false | undefined;
}

/** Where what comes to a path goes. */
export interface RouteDefinition {
  /** The path itself and everything below it: `/orders` is for `/orders` and `/orders/7`, and not for `/ordersheet`. */
  readonly prefix: string;
  readonly service: string;
  /** Who may call: whoever has a token of the issuer, or everyone. */
  readonly auth: 'token' | 'everyone';
  /** How long the head of an answer is waited for, all attempts together, in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Most bytes of a request body. Default: 1 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** How often a call that does no harm twice is tried again. Default: 1. */
  readonly retries?: number | undefined;
  /** Answers may be kept, as far as they say so themselves (RFC 9111). Default: they are not. */
  readonly cache?: boolean | undefined;
  /** Lets WebSocket and other upgrades through. Default: no. */
  readonly upgrade?: boolean | undefined;
  /** Another service that gets a share of the calls: those with the header, and that many of the rest (0 to 1). */
  readonly canary?: { readonly service: string; readonly header?: string; readonly weight?: number } | undefined;
}

/** The whole table, as data. */
export interface RouteTable {
  readonly services: Readonly<Record<string, ServiceDefinition>>;
  readonly routes: readonly RouteDefinition[];
}

/** Finds the route of a path. */
export type Matcher = (path: string) => RouteDefinition | undefined;

/** `.` and `..` as segments, encoded slashes, backslashes, and empty segments. */
const AMBIGUOUS = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)|%2f|%5c|\\|\/\//i;

/**
 * The longest prefix wins.
 *
 * A path that a service could read as another one is refused, so that nobody comes to `/admin` by `/public/../admin`.
 */
export function createMatcher(table: RouteTable): Matcher {
  for (const { prefix, service, canary } of table.routes) {
    if (!prefix.startsWith('/') || AMBIGUOUS.test(prefix))
      throw gatewayErrors.invalid_table(`"${prefix}" is no prefix of paths.`);
    for (const name of [service, canary?.service]) {
      if (name !== undefined && table.services[name] === undefined) {
        throw gatewayErrors.invalid_table(
          `The route ${prefix} names the service "${name}", which is not in the table.`,
        );
      }
    }
  }
  const longestFirst = [...table.routes].sort((a, b) => b.prefix.length - a.prefix.length);
  return (path) => {
    if (AMBIGUOUS.test(path)) throw gatewayErrors.ambiguous_path('The path can be read in two ways.');
    return longestFirst.find(({ prefix }) => isBelow(path, prefix));
  };
}

function isBelow(path: string, prefix: string): boolean {
  return (
    path.startsWith(prefix) && (path.length === prefix.length || prefix.endsWith('/') || path[prefix.length] === '/')
  );
}
