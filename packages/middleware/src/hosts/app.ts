import type { RequestListener, ServerResponse } from 'node:http';
import type { Answer, Middleware } from '../middleware.ts';
import { remember } from './exchange-of.ts';
import { createNodeListener, type NodeExchange, type NodeHostOptions } from './node.ts';

/** A listener for an application that writes its responses itself, and finds the exchange of a request. */
export function createAppListener(
  serve: (exchange: NodeExchange) => Answer | Promise<Answer>,
  options: NodeHostOptions,
): RequestListener {
  // What is wrong with them is said by the listener.
  const waits =
    (options as NodeHostOptions | null)?.middleware?.some?.(
      (each) => (each as Middleware | undefined)?.wait !== undefined,
    ) === true;
  return createNodeListener((exchange) => {
    remember(exchange.req, exchange);
    const answer = serve(exchange);
    return waits ? untilAnswered(exchange.res, answer) : answer;
  }, options);
}

/** For who limits the wait: it lasts until the application has answered, and not until it has been called. */
function untilAnswered(res: ServerResponse, answer: Answer | Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    res.once('finish', () => resolve(undefined));
    if (answer instanceof Promise) answer.then(resolve, reject);
  });
}

const OF_THE_BODY = [
  'content-encoding',
  'content-language',
  'content-range',
  'content-length',
  'transfer-encoding',
  'etag',
  'last-modified',
];

/** Forgets what was said of a body that is not sent. Other headers stay: cookies, and who may read the answer. */
export function forgetBody(response: { removeHeader(name: string): unknown }): void {
  for (const name of OF_THE_BODY) response.removeHeader(name);
}

/** The pattern of a route as a text; it may be a regular expression. */
export function patternText(pattern: unknown): string {
  return pattern instanceof RegExp ? pattern.source : (pattern as string);
}
