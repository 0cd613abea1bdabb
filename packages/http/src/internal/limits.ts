import type { Reply } from '@ent/middleware';
import { timeout } from '@ent/middleware';
import type { Endpoint } from './endpoint.ts';

/** An endpoint with the time limit of its route, if that has one. */
export function limited(endpoint: Endpoint): Endpoint {
  const { route } = endpoint;
  if (route.timeout === undefined) return endpoint;
  const limit = timeout(route.timeout);
  return {
    route,
    answer(exchange, params) {
      const answer = endpoint.answer(exchange, params);
      // What is answered at once needs no timer.
      return answer instanceof Promise ? (limit.wait?.(exchange, answer) as Promise<Reply>) : answer;
    },
  };
}
