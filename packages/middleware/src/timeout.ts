import { Deadlines, durationOption, outsideContext, refuseUnknown } from '@ent/internal';
import { channels } from './channels.ts';
import { middlewareErrors } from './errors.ts';
import type { Exchange, Reply } from './exchange.ts';
import { letGo } from './internal/let-go.ts';
import type { Answer, Middleware } from './middleware.ts';
import type { Duration } from './options.ts';

/** How {@link timeout} answers. */
export interface TimeoutOptions {
  /** 503, or 504 for a service that waits for another one. Default: 503. */
  status?: 503 | 504 | undefined;
  /**
   * A request header that says how long the caller still waits, in whole milliseconds, such as
   * `x-request-timeout-ms`. Where that is less than the limit, it is the limit. Default: none is read.
   */
  header?: string | undefined;
}

const OPTIONS = { status: true, header: true } as const;
const WHOLE = /^\d{1,15}$/;

/**
 * A limit for how long an answer is waited for. When it is over, `exchange.signal` aborts with the error, so that what
 * the handler waits for can end, and the client gets 503 (or 504) with `Retry-After`. What a handler answers afterwards
 * is thrown away; what it throws is published on `ent:middleware:hook`.
 *
 * It ends when the answer is there: a stream may go on. So it does when a handler that writes by the means of its host
 * has sent the head: then only the signal aborts.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts
 * import { timeout } from '@ent/middleware';
 *
 * const middleware = [timeout('10s')];
 * ```
 */
export function timeout(limit: Duration, options: TimeoutOptions = {}): Middleware {
  refuseUnknown(options, OPTIONS, 'timeout', middlewareErrors.invalid_options);
  const limitMs = durationOption(limit, 'timeout: the limit', middlewareErrors.invalid_options);
  const { status = 503 } = options;
  if (options.header !== undefined && typeof options.header !== 'string') {
    throw middlewareErrors.invalid_options('timeout: header must be the name of one.');
  }
  const header = options.header?.toLowerCase();
  if (![503, 504].includes(status)) throw middlewareErrors.invalid_options('timeout: status must be 503 or 504.');
  const begun = Symbol('timeout: the head is out');
  const ending = Symbol('timeout: ends the wait');
  const error = status === 503 ? middlewareErrors.timed_out : middlewareErrors.upstream_timed_out;

  const allowed = (exchange: Exchange): number => {
    const given = header === undefined ? undefined : exchange.header(header);
    return given !== undefined && WHOLE.test(given) ? Math.min(limitMs, Number(given)) : limitMs;
  };
  const shared = new Deadlines(limitMs);
  /** Calls back when so many milliseconds are over; gives what forgets it. */
  const begin = (ms: number, expire: () => Error): (() => void) => {
    if (ms === limitMs) {
      const call = shared.begin(expire);
      return () => void shared.end(call);
    }
    const timer = outsideContext(() => setTimeout(expire, Math.min(ms, LONGEST_MS)));
    return () => clearTimeout(timer);
  };
  return {
    name: 'timeout',
    wait(exchange, answer) {
      const ms = allowed(exchange);
      return new Promise<Answer>((resolve, reject) => {
        let over = false;
        const expire = (): Error => {
          const reason = error(`There was no answer within ${ms} ms.`);
          exchange.abort(reason);
          if (!exchange.state.has(begun)) {
            over = true;
            reject(reason);
          }
          return reason;
        };
        const end = begin(ms, expire);
        exchange.state.set(ending, end);
        answer.then(
          (given) => {
            end();
            if (over) letGo(given as Reply);
            else resolve(given);
          },
          (thrown: unknown) => {
            end();
            if (!over) reject(thrown);
            else if (thrown !== exchange.signal.reason && channels.hook.hasSubscribers) {
              channels.hook.error.publish({ middleware: 'timeout', hook: 'wait', error: thrown });
            }
          },
        );
      });
    },
    head(exchange) {
      exchange.state.set(begun, true);
    },
    done(exchange) {
      // A client that left: an application may never say that it is done, and all of it would be kept for the limit.
      (exchange.state.get(ending) as (() => void) | undefined)?.();
    },
  };
}

const LONGEST_MS = 2 ** 31 - 1;
