import { EntError } from '@ent/errors';
import { refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import type { Exchange, Outcome } from './exchange.ts';
import { demandMethods } from './internal/demand.ts';
import type { Middleware } from './middleware.ts';

/** What {@link accessLog} needs of a logger: the smallest part of `Logger` of `@ent/logging`, which fits as it is. */
export interface AccessLogger {
  info(message: string, fields: Readonly<Record<string, unknown>>): void;
  /** Takes the lines of exchanges that failed on our side. Without it they go to `info`. */
  error?(message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** How {@link accessLog} is set up. */
export interface AccessLogOptions {
  /** More fields, or others in the place of these. Default: none. */
  fields?: ((exchange: Exchange, outcome: Outcome) => Readonly<Record<string, unknown>>) | undefined;
  /** Leaves an exchange out by giving `false`: probes. Default: all are in. */
  filter?: ((exchange: Exchange, outcome: Outcome) => boolean) | undefined;
}

/**
 * One line for each exchange, when it is over, also for one whose client went away. The names with dots are those of
 * OpenTelemetry. The path is there, the query is not: people put tokens into it.
 *
 * What failed on our side (5xx) has its line at the level `error`, with the error (`err`: message, stack, causes) and
 * `instance`, by which the client knows it from its problem details. An application that answers its errors by a
 * handler of its own logs them there: here they are answers.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts no-run
 * import { accessLog, requestId } from '@ent/middleware';
 * import { createLogger } from '@ent/logging';
 *
 * const logger = createLogger();
 * const middleware = [requestId(), accessLog(logger, { filter: ({ path }) => path !== '/livez' })];
 * ```
 */
export function accessLog(logger: AccessLogger, options: AccessLogOptions = {}): Middleware {
  refuseUnknown(options, { fields: true, filter: true }, 'accessLog', middlewareErrors.invalid_options);
  demandMethods(logger, ['info'], 'accessLog: the logger');
  const { fields, filter } = options;
  return {
    name: 'access-log',
    done(exchange, outcome) {
      if (filter?.(exchange, outcome) === false) return;
      const { method, path, route, peer, id } = exchange;
      const { status, bytes, durationMs, aborted, error } = outcome;
      const known = error === undefined ? undefined : EntError.from(error);
      const failed = known !== undefined && known.status >= 500;
      const write = failed && logger.error !== undefined ? 'error' : 'info';
      logger[write]?.(`${method} ${route ?? path} ${status ?? 'aborted'}`, {
        'http.request.method': method,
        'http.request.id': id,
        'http.response.status_code': status,
        'http.response.body.size': bytes,
        'http.route': route,
        'url.path': path,
        'client.address': peer,
        'user_agent.original': exchange.header('user-agent'),
        durationMs: Math.round(durationMs * 1000) / 1000,
        aborted,
        ...(error === undefined ? undefined : { 'error.type': typeOf(error) }),
        ...(failed ? { err: error, instance: `urn:uuid:${known.id}` } : undefined),
        ...fields?.(exchange, outcome),
      });
    },
  };
}

/** The code of an error of ours, the name of any other. */
function typeOf(error: unknown): string {
  if (EntError.is(error)) return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
