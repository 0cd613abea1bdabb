import { currentContext, runWithContext } from '@ent/internal';
import { loggingErrors } from './errors.ts';
import type { LogFields } from './options.ts';

/**
 * Runs `work` and everything it starts (promises, timers, callbacks) with `fields` on every line
 * that any logger writes meanwhile. Calls nest: the fields of the outer context stay, the inner ones
 * win. A context never changes once it is made.
 *
 * The context is shared by all `@ent` packages of the process: the HTTP middleware sets `requestId` in the same one.
 *
 * ```ts
 * import { createLogger, withContext } from '@ent/logging';
 *
 * const logger = createLogger({ format: 'json' });
 * await withContext({ requestId: 'r-1' }, async () => {
 *   logger.info('order placed', { orderId: 7 }); // carries http.request.id
 * });
 * await logger.close();
 * ```
 */
export function withContext<T>(fields: LogFields, work: () => T): T {
  if (typeof work !== 'function') {
    throw loggingErrors.invalid_option('withContext takes fields and a function that runs with them.');
  }
  return runWithContext(fields, work);
}

/** The fields of the current context, frozen; `undefined` outside of any. */
export function getContext(): LogFields | undefined {
  return currentContext();
}
