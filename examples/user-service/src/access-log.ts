import { EntError } from '@ent/errors';
import type { Logger } from '@ent/logging';
import { channels } from '@ent/middleware';

/**
 * A line for each request, and one with the whole error for each that failed on our side. The packages write no log
 * lines; they publish, and this listens. Ids and addresses stay out: a line names the route.
 */
export function logRequests(logger: Logger): void {
  channels.request.subscribe({
    start() {},
    end() {},
    asyncStart() {},
    error({ error, method, route }) {
      logger.error('a request failed', {
        err: error,
        // What the client knows it by.
        instance: `urn:uuid:${EntError.from(error).id}`,
        'http.request.method': method,
        'http.route': route,
      });
    },
    asyncEnd({ method, route, status, durationMs, bytes, aborted }) {
      logger.info(`${method} ${route ?? '(no route)'} ${status ?? '(the client left)'}`, {
        'http.request.method': method,
        'http.route': route,
        'http.response.status_code': status,
        'http.response.body.bytes': bytes,
        'event.duration': durationMs === undefined ? undefined : Math.round(durationMs * 1e6),
        ...(aborted && { aborted }),
      });
    },
  });
}
